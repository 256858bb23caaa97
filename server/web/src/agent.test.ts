import { expect, test } from "vitest";
import { troubles } from "./agent";
import type { Agent } from "./api";

const report: Agent["report"] & object = {
  bundle: 7, backlog: { inspections: 0, flagged: 0, rejected: 0 }, disk: { bytes: 1, max_bytes: 2, full: false, dropped_passes: 0 }, skew_seconds: -1.9,
};
const fine: Agent = { online: true, seen_at: "2026-11-22T08:00:00Z", bundle: 7, report };

test("an agent that is well has no troubles", () => {
  expect(troubles(fine)).toEqual([]);
});

test("an agent that was never heard of is silent", () => {
  expect(troubles({ online: false, bundle: 7 })).toEqual([{ kind: "silent" }]);
});

test("every trouble is said, the gravest first", () => {
  const bad = { ...report, refused: "older", backlog: { inspections: 9, flagged: 1, rejected: 2 }, disk: { ...report.disk, full: true }, skew_seconds: -12 };
  expect(troubles({ ...fine, online: false, report: bad })).toEqual([
    { kind: "silent" }, { kind: "full" }, { kind: "bundle", why: "older" }, { kind: "rejected", n: 2 }, { kind: "clock", seconds: 12 },
  ]);
});
