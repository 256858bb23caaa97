import { expect, test } from "vitest";
import { area, crosses, fault, inserted, moved, rectangle, without } from "./polygon";

const square = [{ x: 0.2, y: 0.2 }, { x: 0.8, y: 0.2 }, { x: 0.8, y: 0.8 }, { x: 0.2, y: 0.8 }];

test("a region is what the server takes", () => {
  expect(fault(square)).toBeUndefined();
  expect(fault(square.slice(0, 2))).toBe("fewCorners");
  expect(fault([{ x: 0, y: 0 }, { x: 0.005, y: 0 }, { x: 0, y: 0.005 }])).toBe("tiny");
  expect(fault([{ x: 0, y: 0 }, { x: 1.1, y: 0 }, { x: 0, y: 1 }])).toBe("outside");
  expect(fault([{ x: 0, y: 0 }, { x: 1, y: 1 }, { x: 1, y: 0.3 }, { x: 0, y: 1 }])).toBe("crossing");
  expect(fault(Array.from({ length: 65 }, (_, i) => ({ x: 0.5 + 0.4 * Math.cos(i / 11), y: 0.5 + 0.4 * Math.sin(i / 11) })))).toBe("manyCorners");
});

test("an outline may not touch itself, but run on in a straight line", () => {
  expect(crosses([{ x: 0, y: 0 }, { x: 0.5, y: 0 }, { x: 1, y: 0 }, { x: 1, y: 1 }])).toBe(false);
  expect(crosses([{ x: 0, y: 0 }, { x: 1, y: 0 }, { x: 0.5, y: 0 }, { x: 0.5, y: 1 }])).toBe(true);
  expect(crosses([{ x: 0, y: 0 }, { x: 1, y: 0 }, { x: 1, y: 1 }, { x: 0.5, y: 0 }, { x: 0, y: 1 }])).toBe(true);
});

test("a line that is still being drawn may cross what would close it", () => {
  const hook = [{ x: 0.1, y: 0.1 }, { x: 0.9, y: 0.1 }, { x: 0.9, y: 0.9 }, { x: 0.7, y: 0.3 }];
  expect(crosses(hook, true)).toBe(false);
  expect(crosses([...hook, { x: 0.7, y: 0 }], true)).toBe(true);
});

test("a region that is moved keeps its shape and stays inside", () => {
  const there = moved(square, { x: 0.5, y: -0.1 });
  expect(Math.max(...there.map((c) => c.x))).toBe(1);
  expect(Math.min(...there.map((c) => c.y))).toBeCloseTo(0.1);
  expect(area(there)).toBeCloseTo(area(square));
});

test("corners come and go", () => {
  expect(inserted(square, 0, { x: 0.5, y: 0.1 })[1]).toEqual({ x: 0.5, y: 0.1 });
  expect(inserted(square, 3, { x: 0.1, y: 0.5 })).toHaveLength(5);
  expect(without(square, 0)[0]).toEqual(square[1]);
  for (let n = 0; n < 8; n++) expect(fault(rectangle(n))).toBeUndefined();
});
