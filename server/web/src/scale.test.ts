import { expect, test } from "vitest";
import { position } from "./scale";

test("a share lies where it is", () => {
  const share = { low: 0, high: 1, logarithmic: false };
  expect([-0.1, 0, 0.25, 1, 1.1].map((v) => position(share, v))).toEqual([0, 0, 0.25, 1, 1]);
});

test("ratios lie by their factor", () => {
  const ratio = { low: 0.01, high: 1000, logarithmic: true };
  expect(position(ratio, 0)).toBe(0);
  expect(position(ratio, 0.001)).toBe(0);
  for (const [value, at] of [[0.01, 0], [0.1, 0.2], [1, 0.4], [10, 0.6], [1000, 1], [1e7, 1]] as const) {
    expect(position(ratio, value)).toBeCloseTo(at, 12);
  }
});
