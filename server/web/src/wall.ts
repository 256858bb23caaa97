import type { Inspection } from "./api";

/** How many deposits a bin's column and the list of flagged ones hold. */
export const perBin = 6;
export const maxFlagged = 60;

export interface WallState {
  /** The latest inspections per bin, newest first. */
  byBin: Record<string, Inspection[]>;
  /** What waits for a person: what residents object to, and then the newest
   * first. */
  flagged: Inspection[];
}

export const emptyWall: WallState = { byBin: {}, flagged: [] };

/** isAppealed says that a resident's objection waits for a person: a review that
 * came before it does not settle it. */
export const isAppealed = (i: Inspection) =>
  i.prompt?.state === "appealed" && !(i.review && Date.parse(i.review.at) >= Date.parse(i.prompt.ended_at ?? ""));

export const isFlagged = (i: Inspection) =>
  isAppealed(i) || ((i.verdict === "tell" || i.verdict === "check") && !i.review && i.prompt?.state !== "corrected" && i.prompt?.state !== "withdrawn");

/** insert puts an inspection where it belongs, replacing an older state of the
 * same one; what no longer fits falls off the end. */
export function insert(state: WallState, i: Inspection): WallState {
  const place = (list: Inspection[], keep: boolean, limit: number, first: (i: Inspection) => boolean = () => false) => {
    const others = list.filter((o) => o.id !== i.id);
    if (!keep) return others;
    return [...others, i].sort((a, b) => Number(first(b)) - Number(first(a)) || b.seq - a.seq).slice(0, limit);
  };
  return {
    byBin: { ...state.byBin, [i.bin_id]: place(state.byBin[i.bin_id] ?? [], true, perBin) },
    flagged: place(state.flagged, isFlagged(i), maxFlagged, isAppealed),
  };
}
