import { describe, expect, it } from "vitest";
import type { Inspection, Verdict } from "./api";
import { emptyWall, insert, maxFlagged, perBin } from "./wall";

function inspection(seq: number, verdict: Verdict, bin = "b"): Inspection {
  return {
    id: `id-${seq}`, seq, station_id: "s", bin_id: bin, source: "stream", captured_at: "", received_at: "", decided_at: "",
    verdict, reason: "", category: "kitchen", item_class: "eggshell", confidence: 1, categories: {}, classes: [], accepts: [],
    model_version: "", taxonomy_version: "", score: 0, tell_at: 0, miss: 0, pass_at: 0, rule_version: "", evidence: [], sampled: false,
  };
}

describe("the wall", () => {
  it("keeps the newest deposits of each bin, whatever order they come in", () => {
    let w = emptyWall;
    for (const seq of [3, 1, 9, 2, 8, 4, 7, 5]) w = insert(w, inspection(seq, "pass"));
    expect(w.byBin["b"]?.map((i) => i.seq)).toEqual([9, 8, 7, 5, 4, 3]);
    expect(w.byBin["b"]).toHaveLength(perBin);
    expect(w.flagged).toHaveLength(0);
  });

  it("lists what waits for a person, and bounds the list", () => {
    let w = emptyWall;
    for (let seq = 1; seq <= maxFlagged + 5; seq++) w = insert(w, inspection(seq, seq % 2 ? "tell" : "check"));
    expect(w.flagged).toHaveLength(maxFlagged);
    expect(w.flagged[0]?.seq).toBe(maxFlagged + 5);
  });

  it("drops a flag once it is reviewed, and shows the review in the bin's column", () => {
    let w = insert(emptyWall, inspection(1, "tell"));
    const review = { decision: "confirmed" as const, category: "kitchen", by: "a", at: "" };
    w = insert(w, { ...inspection(1, "tell"), review });
    expect(w.flagged).toHaveLength(0);
    expect(w.byBin["b"]).toHaveLength(1);
    expect(w.byBin["b"]?.[0]?.review).toEqual(review);
  });

  it("puts what residents object to on top, until a later review", () => {
    const appealed = (seq: number, reviewedAt?: string): Inspection => ({
      ...inspection(seq, "tell"),
      prompt: { state: "appealed", opened_at: "2026-01-01T00:00:00Z", until: "2026-01-01T00:00:20Z", ended_at: "2026-01-01T00:00:10.5Z" },
      ...(reviewedAt ? { review: { decision: "confirmed", category: "kitchen", by: "a", at: reviewedAt } } : {}),
    });
    let w = insert(emptyWall, appealed(1));
    for (const seq of [2, 3]) w = insert(w, inspection(seq, "check"));
    w = insert(w, appealed(4, "2026-01-01T00:00:05Z"));
    expect(w.flagged.map((i) => i.seq)).toEqual([4, 1, 3, 2]);
    w = insert(insert(w, appealed(1, "2026-01-01T00:01:00Z")), { ...inspection(3, "tell"), prompt: { state: "withdrawn", opened_at: "", until: "" } });
    expect(w.flagged.map((i) => i.seq)).toEqual([4, 2]);
  });
});
