// The screen at the bins: what it is told by the server, and what it answers.
// A screen holds a token of its own, which it is given once in its address and
// keeps; a person who is signed in may open the page without one.

import type { Inspection, SilentBin, Taxonomy } from "./api";

export interface ScreenBin {
  id: string;
  name: string;
  accepts: string[];
}

export interface Prompt {
  state: "open" | "corrected" | "uncorrected" | "appealed" | "withdrawn" | "withheld";
  means?: string;
  receipt?: string;
  opened_at: string;
  until: string;
  ended_at?: string;
  /** The item was seen to leave the wrong bin. */
  removed_at?: string;
  shown_at?: string;
  /** A supervisor first opened the appeal. */
  looked_at?: string;
}

export interface ScreenPrompt {
  id: string;
  bin_id: string;
  category: string;
  item_class: string;
  goes_to: string[];
  image_url?: string;
  prompt: Prompt;
}

export interface Screen {
  station_id: string;
  name: string;
  bins: ScreenBin[];
  prompts: ScreenPrompt[];
  /** The bins at which nobody is told; the others go on. */
  silent: SilentBin[];
  /** Why that is so of all of them. */
  blind: string[];
  /** What the screen begins with, and speaks. */
  language: "zh-CN" | "en";
  /** In percent. */
  volume: number;
  voice: { pack: string; version: string; renders: boolean };
  /** The host at which receipts are asked for; absent: the page's own. */
  receipt_at?: string;
  /** Ref of the taxonomy in force. */
  taxonomy: string;
  now: string;
}

export type Thanks = Pick<Inspection, "id" | "bin_id" | "category" | "item_class">;

export interface Listener {
  screen: (s: Screen) => void;
  prompt: (p: ScreenPrompt) => void;
  thanks: (t: Thanks) => void;
  connected: (yes: boolean) => void;
  /** refused: the token was revoked, or there is none. */
  refused: () => void;
}

const base = "/api/v1";
const kept = (station: string) => `binside-screen-${station}`;
const keptState = (station: string) => `binside-screen-state-${station}`;
const latest = "binside-screen-latest";

/** path is a screen's own address: below a folder of its own, so that its worker
 * has nothing to do with the other pages. */
export const path = (station: string) => `/screen/${station}`;

/** address reads "#/screen/STATION" or "#/screen/STATION/TOKEN", keeps the token
 * on this device, and returns the screen's address to go to. */
export function address(hash: string): string | undefined {
  const found = /^#\/screen\/([a-z0-9-]+)(?:\/(.+))?$/.exec(hash);
  const station = found?.[1];
  if (!station) return undefined;
  if (found[2]) localStorage.setItem(kept(station), decodeURIComponent(found[2]));
  return path(station);
}

/** stationOf reads a screen's own address. Without a station, as an installed
 * screen is opened, it is the latest one of this device; "" where there was
 * none. Undefined: this is no screen. */
export function stationOf(pathname: string): string | undefined {
  const station = /^\/screen\/([a-z0-9-]*)$/.exec(pathname)?.[1];
  if (station) localStorage.setItem(latest, station);
  return station === "" ? (localStorage.getItem(latest) ?? "") : station;
}

/** keep remembers what the screen shows when nothing is told, for a time without
 * a network; recall is that. */
export function keep(screen: Screen) {
  localStorage.setItem(keptState(screen.station_id), JSON.stringify({ ...screen, prompts: [] }));
}

export function recall(station: string): Screen | undefined {
  const text = localStorage.getItem(keptState(station));
  return text ? { silent: [], ...(JSON.parse(text) as Omit<Screen, "silent">) } : undefined;
}

/** soundPath is where a sentence is to be heard. */
export function soundPath(station: string, key: string, language: string, version: string): string {
  return `${base}/stations/${station}/screen/speech/${key}?language=${language}&version=${version}`;
}

/** sounds asks for the keys of everything that the screen may say. */
export async function sounds(station: string): Promise<string[]> {
  const answer = await fetch(`${base}/stations/${station}/screen/speech`, { headers: headers(station), credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  return ((await answer.json()) as { keys: string[] }).keys;
}

export function headers(station: string): Record<string, string> {
  const token = localStorage.getItem(kept(station));
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** taxonomy asks for the names and colours, and keeps them for a time without a
 * network. */
export async function taxonomy(station: string): Promise<Taxonomy> {
  const answer = await fetch(`${base}/taxonomy`, { headers: headers(station), credentials: "same-origin" });
  if (!answer.ok) throw new Error(String(answer.status));
  const text = await answer.text();
  localStorage.setItem("binside-taxonomy", text);
  return JSON.parse(text) as Taxonomy;
}

export function keptTaxonomy(): Taxonomy | undefined {
  const text = localStorage.getItem("binside-taxonomy");
  return text ? (JSON.parse(text) as Taxonomy) : undefined;
}

/** answer sends a resident's answer; undefined: it could not be sent, or came
 * too late. */
export async function answer(station: string, id: string, outcome: "corrected" | "appealed"): Promise<ScreenPrompt | undefined> {
  const reply = await post(station, `/inspections/${id}/correction`, { outcome });
  return reply?.ok ? ((await reply.json()) as ScreenPrompt) : undefined;
}

/** shown reports that a prompt is on the screen. */
export async function shown(station: string, id: string): Promise<void> {
  await post(station, `/stations/${station}/screen/shown`, { inspection_id: id });
}

async function post(station: string, path: string, body: unknown): Promise<Response | undefined> {
  try {
    return await fetch(base + path, {
      method: "POST", credentials: "same-origin", signal: AbortSignal.timeout(10_000),
      headers: { ...headers(station), "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    return undefined; // the network; the prompt stays open on the server
  }
}

const silence = 40_000; // the server sends a sign of life every 15 s
const pauses = [500, 1000, 2000, 5000];

/** follow keeps the live stream open until it is stopped. Every connection
 * begins with the whole state; by the last event's id the server tells as well
 * what ended in a break. EventSource could not send the token. */
export function follow(station: string, on: Listener): () => void {
  const stop = new AbortController();
  const resume = { id: "" };
  void (async () => {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      const once = new AbortController();
      const end = () => once.abort();
      stop.signal.addEventListener("abort", end);
      try {
        await read(station, once, on, resume, () => { failures = 0; });
      } catch {
        // told below
      }
      stop.signal.removeEventListener("abort", end);
      if (stop.signal.aborted) return;
      on.connected(false);
      await new Promise((go) => setTimeout(go, pauses[Math.min(failures, pauses.length - 1)]));
    }
  })();
  return () => stop.abort();
}

async function read(station: string, once: AbortController, on: Listener, resume: { id: string }, well: () => void) {
  let timer = setTimeout(() => once.abort(), silence);
  const reply = await fetch(`${base}/stations/${station}/screen/events`, {
    headers: { ...headers(station), ...(resume.id && { "Last-Event-ID": resume.id }) }, credentials: "same-origin", signal: once.signal, cache: "no-store",
  });
  if (reply.status === 401 || reply.status === 403 || reply.status === 404) on.refused();
  if (!reply.ok || !reply.body) throw new Error(String(reply.status));
  on.connected(true);
  well();
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    clearTimeout(timer);
    if (done) return;
    timer = setTimeout(() => once.abort(), silence);
    const parts = (rest + value).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) resume.id = dispatch(part, on) || resume.id;
  }
}

/** dispatch reads one event and returns its id. */
export function dispatch(text: string, on: Pick<Listener, "screen" | "prompt" | "thanks">): string {
  let name = "", data = "", id = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4);
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (name === "screen") on.screen(JSON.parse(data) as Screen);
  if (name === "prompt") on.prompt(JSON.parse(data) as ScreenPrompt);
  if (name === "thanks") on.thanks(JSON.parse(data) as Thanks);
  return id;
}

/** place puts a prompt where it belongs: open ones stay, the newest first. */
export function place(open: ScreenPrompt[], p: ScreenPrompt): ScreenPrompt[] {
  const others = open.filter((o) => o.id !== p.id);
  return p.prompt.state === "open" ? [p, ...others].sort((a, b) => b.prompt.opened_at.localeCompare(a.prompt.opened_at)) : others;
}
