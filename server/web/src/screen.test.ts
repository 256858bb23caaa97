import { expect, it, vi } from "vitest";
import { address, dispatch, keep, place, recall, stationOf } from "./screen";
import type { ScreenPrompt } from "./screen";

const prompt = (id: string, opened_at: string, state: ScreenPrompt["prompt"]["state"] = "open"): ScreenPrompt => ({
  id, bin_id: "b", category: "kitchen", item_class: "banana_peel", goes_to: [], prompt: { state, opened_at, until: opened_at },
});

it("the newest open prompt comes first, ended ones go", () => {
  let open = place([], prompt("a", "2026-01-01T00:00:00Z"));
  open = place(open, prompt("b", "2026-01-01T00:00:05Z"));
  open = place(open, prompt("a", "2026-01-01T00:00:00Z"));
  expect(open.map((p) => p.id)).toEqual(["b", "a"]);
  open = place(open, prompt("b", "2026-01-01T00:00:05Z", "corrected"));
  expect(open.map((p) => p.id)).toEqual(["a"]);
});

it("events are read, signs of life are not", () => {
  const heard: string[] = [];
  const on = { screen: () => heard.push("screen"), prompt: (p: ScreenPrompt) => heard.push(p.id), thanks: () => heard.push("thanks") };
  dispatch(": hb", on);
  dispatch("retry: 2000", on);
  dispatch(`event: prompt\ndata: ${JSON.stringify(prompt("x", ""))}`, on);
  dispatch("event: thanks\ndata: {}", on);
  expect(heard).toEqual(["x", "thanks"]);
  expect(dispatch("event: thanks\nid: 17\ndata: {}", on)).toBe("17");
  expect(dispatch(": hb", on)).toBe("");
});

it("a screen's address is its own folder's", () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", { setItem: (k: string, v: string) => kept.set(k, v), getItem: (k: string) => kept.get(k) ?? null });
  expect(address("#/samples")).toBeUndefined();
  expect(address("#/screen/gate-1/bin_a%2Fb")).toBe("/screen/gate-1");
  expect(kept.get("binside-screen-gate-1")).toBe("bin_a/b");
  expect(stationOf("/")).toBeUndefined();
  expect(stationOf("/screen/")).toBe("");
  expect(stationOf("/screen/gate-1")).toBe("gate-1");
  expect(stationOf("/screen/")).toBe("gate-1");
  expect(stationOf("/screen/../x")).toBeUndefined();
});

it("nothing of a prompt is kept for a time without a network", () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", { setItem: (k: string, v: string) => kept.set(k, v), getItem: (k: string) => kept.get(k) ?? null });
  keep({
    station_id: "s", name: "n", bins: [], prompts: [prompt("a", "2026-01-01T00:00:00Z")], silent: [], blind: [], taxonomy: "t@1", language: "en", volume: 50,
    voice: { pack: "", version: "1", renders: true }, now: "",
  });
  expect(recall("s")).toMatchObject({ name: "n", prompts: [], language: "en" });
  expect(recall("t")).toBeUndefined();
});
