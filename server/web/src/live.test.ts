import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { follow } from "./live";

/** A browser's EventSource, whose connection the test makes and breaks. */
class Source {
  static readonly CLOSED = 2;
  static all: Source[] = [];
  readyState = 0;
  onopen?: () => void;
  onerror?: () => void;
  constructor() { Source.all.push(this); }
  addEventListener() { /* no event comes here */ }
  close() { this.readyState = Source.CLOSED; }
}

beforeEach(() => {
  Source.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("EventSource", Source);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function listen() {
  const heard: string[] = [];
  const stop = follow({ inspection: () => undefined, resync: () => heard.push("resync"), connected: (yes) => heard.push(yes ? "on" : "off") });
  return { heard, stop };
}

it("a break is followed by the lists anew: what was put right meanwhile is in no event", () => {
  const { heard } = listen();
  const [source] = Source.all;
  source?.onopen?.();
  expect(heard).toEqual(["on"]);
  source?.onerror?.();
  source?.onopen?.();
  expect(heard).toEqual(["on", "off", "on", "resync"]);
  expect(Source.all).toHaveLength(1);
});

it("an answer that is no stream is not the end", () => {
  const { heard, stop } = listen();
  const refuse = () => {
    const source = Source.all.at(-1);
    source?.close();
    source?.onerror?.();
  };
  refuse();
  expect(heard).toEqual(["off", "resync"]);
  vi.advanceTimersByTime(5_000);
  expect(Source.all).toHaveLength(2);
  Source.all[1]?.onopen?.();
  expect(heard).toEqual(["off", "resync", "on", "resync"]);
  refuse();
  stop();
  vi.advanceTimersByTime(60_000);
  expect(Source.all).toHaveLength(2);
});
