import { expect, it } from "vitest";
import { dispatch, place } from "./screen";
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
});
