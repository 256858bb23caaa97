import { expect, test } from "vitest";
import type { Detector, Recording } from "./cameras";
import { compare, disorder, fields, fromSlider, toField, toSlider, toValue } from "./thresholds";

const usual: Detector = {
  min_threshold: 18, min_item: 0.006, max_item: 0.65, still_share: 0.12, held_contact: 0.35,
  settle_ms: 400, held_ms: 900, large_ms: 2500, leave_after_ms: 300, rest_ms: 1500, absorb_ms: 20_000, pile: true,
};

test("what is shown comes back as it was", () => {
  for (const f of fields) {
    expect(toValue(f, toField(f, usual[f.key]))).toBeCloseTo(usual[f.key], 9);
    expect(fromSlider(f, toSlider(f, usual[f.key])) / usual[f.key]).toBeCloseTo(1, 1);
    expect(fromSlider(f, 0)).toBeGreaterThanOrEqual(f.low);
    expect(fromSlider(f, 1000)).toBeLessThanOrEqual(f.high);
  }
});

test("what the server would refuse is named before", () => {
  expect(disorder(usual)).toBeUndefined();
  expect(disorder({ ...usual, min_item: 0.65 })).toBe("order_item");
  expect(disorder({ ...usual, held_ms: 300 })).toBe("order_still");
  expect(disorder({ ...usual, rest_ms: 300 })).toBe("order_rest");
});

test("two runs are compared by bin and time", () => {
  const at = (bin: string, second: number, kind: Recording["kind"] = "deposited"): Recording => {
    const time = new Date(1_000_000 + 1000 * second).toISOString();
    return { id: second, bin_id: bin, kind, start: time, end: time, area: 0 };
  };
  const c = compare([at("a", 1), at("b", 1), at("a", 9), at("a", 20, "missed")], [at("a", 1.5), at("a", 14), at("b", 5)]);
  expect(c.lost.map((r) => r.id)).toEqual([1, 9]);
  expect(c.gained.map((r) => r.id)).toEqual([14, 5]);
  expect([c.before, c.after]).toEqual([3, 3]);
});
