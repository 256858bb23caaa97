import { expect, test } from "vitest";
import type { Camera } from "./api";
import { look } from "./CameraStatus";
import { makeI18n } from "./i18n";
import { bits, learnable, withCredentials } from "./cameras";

test("a name and a password go into the address, whatever they hold", () => {
  expect(withCredentials("rtsp://10.0.0.2:554/ch1", "", "")).toBe("rtsp://10.0.0.2:554/ch1");
  expect(withCredentials("rtsp://10.0.0.2/ch1?a=b", "admin", "p@ss:/1")).toBe("rtsp://admin:p%40ss%3A%2F1@10.0.0.2/ch1?a=b");
  expect(withCredentials("http://old:one@cam/stream", "new", "")).toBe("http://new@cam/stream");
});

test("masks hold the first cell in the lowest bit", () => {
  expect([...bits(btoa(String.fromCharCode(0b101, 0b10)), 10)]).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
});

test("a camera whose view is doubted may take it for its usual one, while it streams", () => {
  const state = (status: string, condition?: string) => ({ status, frames: 1, dropped: 0, ...(condition ? { condition } : {}) });
  for (const c of ["moved", "dirty", "blurred", "covered"]) expect(learnable(state("streaming", c))).toBe(true);
  for (const c of ["frozen", "black", "overexposed", "night", "clock", undefined]) expect(learnable(state("streaming", c))).toBe(false);
  expect(learnable(state("failed", "moved"))).toBe(false);
});

test("why a camera does not stream is said in both languages", () => {
  const reasons = ["settings", "unreachable", "certificate", "denied", "not-found", "refused", "no-picture", "silent", "frozen", "broken", "agent-silent"];
  const said = (["zh", "en"] as const).flatMap((l) => reasons.map((reason) => makeI18n(l, () => undefined).failure({ reason, error: "raw" })));
  expect(new Set(said).size).toBe(2 * reasons.length);
  expect(said).not.toContain("raw");
  expect(makeI18n("zh", () => undefined).failure({ reason: "of tomorrow", error: "raw" })).toBe("raw");
});

test("frames a second are counted by the frames' own times", () => {
  const at = Date.parse("2026-05-06T07:08:00Z");
  const after = (seconds: number, frames: number) =>
    ({ state: { status: "streaming", frames, dropped: 0, last_frame_at: new Date(at + seconds * 1000).toISOString() } }) as Camera;
  const first = look(undefined, after(0, 100), at);
  expect(first.rate).toBeUndefined();
  const same = look(first, after(0, 100), at + 2_000);
  expect(same.rate).toBeUndefined();
  const reported = look(same, after(15, 175), at + 16_000);
  expect(reported.rate).toBe(5);
  expect(look(reported, after(15, 175), at + 30_000).rate).toBe(5);
  expect(look(reported, after(15, 175), at + 36_000).rate).toBeUndefined();
  expect(look(reported, after(20, 3), at + 20_000).rate).toBeUndefined();
});
