import { expect, test } from "vitest";
import { edit, regionOf, start } from "./regions";
import type { Editor, Step } from "./regions";

const run = (e: Editor, ...steps: Step[]) => steps.reduce(edit, e);
const corners = [{ x: 0.2, y: 0.2 }, { x: 0.6, y: 0.2 }, { x: 0.6, y: 0.7 }, { x: 0.2, y: 0.7 }];
const drawing: Step[] = [{ do: "select", bin: "a" }, ...corners.map((at): Step => ({ do: "draw", at }))];

test("a region is drawn corner by corner, and each can be taken back", () => {
  let e = run(start([]), ...drawing);
  expect(e.drawn).toHaveLength(4);
  e = run(e, { do: "undo" });
  expect(e.drawn).toHaveLength(3);
  e = run(e, { do: "redo" }, { do: "close" });
  expect(e.regions).toEqual([{ bin_id: "a", polygon: corners }]);
  expect(e.drawn).toEqual([]);
  e = run(e, { do: "undo" });
  expect(e.regions).toEqual([]);
  expect(e.drawn).toEqual(corners);
});

test("what would not be valid is refused and says why", () => {
  let e = run(start([]), ...drawing.slice(0, 3), { do: "close" });
  expect(e.refused).toBe("fewCorners");
  e = run(start([]), ...drawing, { do: "close" });
  const crossed = run(e, { do: "moveCorner", corner: 0, to: { x: 0.9, y: 0.5 } });
  expect(crossed.refused).toBe("crossing");
  expect(regionOf(crossed)?.polygon).toEqual(corners);
  const triangle = run(e, { do: "removeCorner", corner: 0 });
  expect(regionOf(triangle)?.polygon).toHaveLength(3);
  expect(run(triangle, { do: "removeCorner", corner: 0 }).refused).toBe("fewCorners");
  expect(run(e, { do: "moveCorner", corner: 0, to: { x: -3, y: 0.1 } }).regions[0]?.polygon[0]).toEqual({ x: 0, y: 0.1 });
});

test("a drag is one step of undoing", () => {
  const e = run(start([{ bin_id: "a", polygon: corners }]), { do: "select", bin: "a" }, { do: "begin" },
    { do: "moveCorner", corner: 0, to: { x: 0.1, y: 0.1 } }, { do: "moveCorner", corner: 0, to: { x: 0.05, y: 0.1 } });
  expect(regionOf(e)?.polygon[0]).toEqual({ x: 0.05, y: 0.1 });
  expect(regionOf(run(e, { do: "undo" }))?.polygon).toEqual(corners);
});

test("corners are added, the region is moved and removed", () => {
  let e = run(start([{ bin_id: "a", polygon: corners }]), { do: "select", bin: "a" }, { do: "insert", after: 3, at: { x: 0.1, y: 0.5 } });
  expect(e.corner).toBe(4);
  e = run(e, { do: "moveRegion", by: { x: 0.1, y: 0 } });
  expect(regionOf(e)?.polygon[4]?.x).toBeCloseTo(0.2);
  e = run(e, { do: "removeRegion" });
  expect(e.regions).toEqual([]);
  e = run(e, { do: "rectangle" });
  expect(regionOf(e)?.polygon).toHaveLength(4);
});
