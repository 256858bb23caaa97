// What the region editor does: a reducer, so that every step can be undone.

import { clamp, crosses, fault, inserted, maxCorners, moved, rectangle, replaced, without } from "./polygon";
import type { Fault, Point, Polygon } from "./polygon";

export interface Region {
  bin_id: string;
  polygon: Polygon;
}

export interface Editor {
  regions: Region[];
  /** The bin whose region is edited. */
  bin: string | undefined;
  corner: number | undefined;
  /** The corners so far of a region that is being drawn. */
  drawn: Polygon;
  past: { regions: Region[]; drawn: Polygon }[];
  future: { regions: Region[]; drawn: Polygon }[];
  /** Why the last step was refused. */
  refused: Fault | undefined;
}

export type Step =
  | { do: "load"; regions: Region[] }
  | { do: "select"; bin: string | undefined; corner?: number | undefined }
  | { do: "draw"; at: Point }
  | { do: "close" }
  | { do: "rectangle" }
  /** begin marks what an undo after a drag leads back to. */
  | { do: "begin" }
  | { do: "moveCorner"; corner: number; to: Point }
  | { do: "moveRegion"; by: Point }
  | { do: "insert"; after: number; at: Point }
  | { do: "removeCorner"; corner: number }
  | { do: "removeRegion" }
  | { do: "undo" }
  | { do: "redo" };

const depth = 100;

export const start = (regions: Region[]): Editor => ({
  regions, bin: undefined, corner: undefined, drawn: [], past: [], future: [], refused: undefined,
});

export const regionOf = (e: Editor) => e.regions.find((r) => r.bin_id === e.bin);

const remember = (e: Editor): Editor => ({ ...e, past: [...e.past.slice(1 - depth), { regions: e.regions, drawn: e.drawn }], future: [], refused: undefined });

/** put replaces the edited region, or says why that cannot be. */
function put(e: Editor, polygon: Polygon, corner: number | undefined, step: boolean): Editor {
  const refused = fault(polygon);
  if (refused) return { ...e, refused };
  const before = step ? remember(e) : { ...e, refused: undefined };
  const known = e.regions.some((r) => r.bin_id === e.bin);
  const region = { bin_id: e.bin as string, polygon };
  return { ...before, corner, drawn: [], regions: known ? e.regions.map((r) => (r.bin_id === e.bin ? region : r)) : [...e.regions, region] };
}

function draw(e: Editor, at: Point): Editor {
  if (!e.bin || regionOf(e)) return e;
  const drawn = [...e.drawn, { x: clamp(at.x), y: clamp(at.y) }];
  if (drawn.length > maxCorners) return { ...e, refused: "manyCorners" };
  return crosses(drawn, true) ? { ...e, refused: "crossing" } : { ...remember(e), drawn };
}

/** changed leaves out what is as it is now: a drag that moved nothing. */
const changed = (e: Editor, list: Editor["past"]) => {
  const last = list[list.length - 1];
  return last && last.regions === e.regions && last.drawn === e.drawn ? list.slice(0, -1) : list;
};

function back(e: Editor, from: "past" | "future"): Editor {
  const list = changed(e, e[from]);
  const state = list[list.length - 1];
  if (!state) return e;
  const here = { regions: e.regions, drawn: e.drawn };
  return {
    ...e, ...state, corner: undefined, refused: undefined,
    past: from === "past" ? list.slice(0, -1) : [...e.past, here],
    future: from === "past" ? [...e.future, here] : list.slice(0, -1),
  };
}

export function edit(e: Editor, s: Step): Editor {
  const polygon = regionOf(e)?.polygon;
  switch (s.do) {
    case "load":
      return { ...start(s.regions), bin: e.bin };
    case "select":
      return { ...e, bin: s.bin, corner: s.corner, drawn: s.bin === e.bin ? e.drawn : [], refused: undefined };
    case "draw":
      return draw(e, s.at);
    case "close":
      return e.bin && !polygon ? put(e, e.drawn, undefined, true) : e;
    case "rectangle":
      return e.bin && !polygon ? put(e, rectangle(e.regions.length), undefined, true) : e;
    case "begin":
      return remember({ ...e, past: changed(e, e.past) });
    case "undo":
      return back(e, "past");
    case "redo":
      return back(e, "future");
  }
  if (!polygon) return e;
  switch (s.do) {
    case "moveCorner":
      return put(e, replaced(polygon, s.corner, { x: clamp(s.to.x), y: clamp(s.to.y) }), s.corner, false);
    case "moveRegion":
      return put(e, moved(polygon, s.by), e.corner, false);
    case "insert":
      return put(e, inserted(polygon, s.after, s.at), s.after + 1, true);
    case "removeCorner":
      return put(e, without(polygon, s.corner), undefined, true);
    case "removeRegion":
      return { ...remember(e), corner: undefined, regions: e.regions.filter((r) => r.bin_id !== e.bin) };
  }
}
