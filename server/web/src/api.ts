// The API's types and calls that the app uses; /openapi.json is the contract.

import type { Region } from "./regions";
import type { Prompt } from "./screen";

export type Verdict = "pass" | "tell" | "check" | "unreadable";

export interface Text {
  zh: string;
  en: string;
}

export interface Category {
  id: string;
  name: Text;
  colour: { name: Text; hex: string };
  /** Set where the category belongs in no bin: what to do instead. */
  no_bin?: Text;
}

export interface ItemClass {
  id: string;
  name: Text;
  category: string;
  /** One line that says where it goes, in the site's colours. */
  advice: Text;
}

export interface Taxonomy {
  id: string;
  version: string;
  /** Id and version as inspections record them. */
  ref: string;
  categories: Category[];
  classes: ItemClass[];
}

export interface Box {
  min_x: number;
  min_y: number;
  max_x: number;
  max_y: number;
}

export interface Evidence {
  ordinal: number;
  key: string;
  sha256: string;
  bytes: number;
  width: number;
  height: number;
  item?: Box;
  expires_at: string;
  deleted_at?: string;
  url?: string;
}

export interface Review {
  decision: "confirmed" | "relabelled";
  category: string;
  item_class?: string;
  by: string;
  at: string;
}

export interface Inspection {
  id: string;
  seq: number;
  station_id: string;
  bin_id: string;
  camera_id?: string;
  source: "push" | "stream";
  captured_at: string;
  received_at: string;
  decided_at: string;
  verdict: Verdict;
  reason: string;
  category: string;
  item_class: string;
  confidence: number;
  categories: Record<string, number>;
  classes: { class: string; probability: number }[];
  accepts: string[];
  model_version: string;
  taxonomy_version: string;
  rule_version: string;
  harm_version?: string;
  score: number;
  tell_at: number;
  miss: number;
  pass_at: number;
  bound_level?: Bound["level"];
  evidence: Evidence[];
  sampled: boolean;
  review?: Review;
  prompt?: Prompt;
}

export interface Margin {
  quantity: string;
  value: number;
  threshold: number;
  /** The value must not exceed the threshold; else it must reach it. */
  at_most: boolean;
  met: boolean;
  name: Text;
  effect: Verdict;
  low: number;
  high: number;
  /** The scale is of ratios and not of differences. */
  logarithmic: boolean;
}

export interface HeatMap {
  state: "absent" | "running" | "ready" | "unavailable";
  reason?: "evidence-gone" | "nothing-to-explain" | "not-offered";
  done?: number;
  total?: number;
  model_version?: string;
  same_model: boolean;
  category?: string;
  image: number;
  box?: Box;
  probability?: number;
  strangeness?: number;
  strongest?: { box: Box; probability: number };
}

/** Explanation says why an inspection was decided as it was. */
export interface Explanation {
  sentence: Text;
  classes: { class: string; name: Text; category: string; probability: number }[];
  margins: Margin[];
  thresholds_of: "decision" | "now";
  frames: { kept: number; agreement?: number; strangeness?: number };
  model_version: string;
  taxonomy_version: string;
  rule_version: string;
  heat_map: HeatMap;
}

export interface Thresholds {
  alpha?: number;
  tell: number;
  pass: number;
}

/** Bound is how often a rightly sorted deposit is told at most, how that is
 * known, and what it costs. */
export interface Bound {
  level: "station" | "bin" | "all-bins" | "none";
  alpha: number;
  confidence: number;
  n: number;
  allowed: number;
  told: number;
  upper: number;
  /** The least score that is told; 0: nobody is. */
  tell_at: number;
  tightened?: boolean;
  /** What becomes of n photographs thrown into the bin. */
  shares: {
    n: number;
    n_right: number;
    check: number;
    check_of_right: number;
    tell_of_right: number;
    check_of_wrong: number;
    tell_of_wrong: number;
    pass_of_wrong: number;
  };
}

export interface Bin {
  id: string;
  station_id: string;
  name: string;
  accepts: string[];
  /** Accepted categories that the taxonomy in force does not have. */
  unknown_categories?: string[];
  thresholds?: Thresholds;
  settings: Thresholds;
  bound: Bound;
}

export interface Camera {
  id: string;
  station_id: string;
  name: string;
  kind: string;
  /** Without user name, password and query. */
  url_redacted?: string;
  transport?: string;
  enabled: boolean;
  regions: Region[];
  updated_at: string;
  state: { status: string; frames: number; dropped: number; reason?: string; error?: string; last_frame_at?: string; condition?: string; condition_since?: string };
}

export interface Station {
  id: string;
  name: string;
  region_path: string;
  time_zone: string;
  /** An agent on the spot runs it. */
  agent: boolean;
}

/** How a station's agent does. */
export interface Agent {
  online: boolean;
  seen_at?: string;
  /** Sequence of the newest bundle; the one in force is the report's. */
  bundle: number;
  report?: {
    bundle: number;
    refused?: string;
    backlog: { inspections: number; flagged: number; rejected: number; oldest_at?: string };
    disk: { bytes: number; max_bytes: number; full: boolean; dropped_passes: number };
    skew_seconds?: number;
  };
}

/** Prompts are a station's, or the service's; what is absent follows the
 * service. */
export interface Prompts {
  window_seconds?: number;
  budget?: number;
  budget_span_seconds?: number;
  quiet_hours?: string;
  language?: "zh-CN" | "en";
  volume?: number;
  voice?: string;
}

export interface PromptSettings {
  own: Prompts;
  service: Prompts;
  in_force: Prompts;
}

export interface VoicePack {
  id: string;
  name: Text;
  language: string;
  licence: string;
  keys: string[];
  missing: string[];
  problems: string[];
  usable: boolean;
}

export interface StepLatency {
  step: "detect" | "queue" | "infer" | "decide" | "publish" | "show" | "whole";
  n: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

export interface Latency {
  since: string;
  n: number;
  cut: boolean;
  steps: StepLatency[];
}

export interface ReceiptCategory {
  id: string;
  name: Text;
  colour: string;
}

/** Receipt is what a resident is told of their objection. */
export interface Receipt {
  receipt: string;
  state: "received" | "looking" | "decided";
  outcome: "open" | "upheld" | "confirmed";
  station: string;
  told: ReceiptCategory;
  belongs: ReceiptCategory;
  appealed_at: string;
  decided_at: string | null;
  time_zone: string;
}

/** SilentBin is a bin at which nobody is told, as no camera that sees it can be
 * believed. */
export interface SilentBin {
  bin_id: string;
  /** Conditions of the cameras that see it. */
  why: string[];
}

export interface StationOverview {
  station: Station;
  /** Absent where the server runs the station, or no agent has come yet. */
  agent?: Agent;
  bins: Bin[];
  cameras: Camera[];
  silent: SilentBin[];
  today: { since: string; total: number; verdicts: Record<Verdict, number>; unreviewed: number };
}

export interface Share {
  value: number;
  n: number;
  low: number;
  high: number;
}

export interface Demonstration {
  running: boolean;
  since: string;
  judged: { category: string; item_classes: string[]; n: number }[];
  not_judged: string[];
  score: {
    deposits: number;
    events: number;
    missed: number;
    false_events: number;
    tell_precision: Share;
    misdeposit_recall: Share;
    false_tell: Share;
  };
}

export interface Session {
  user: string;
  scopes: string[];
  expires_at?: string;
}

export interface Sample {
  id: string;
  category: string;
  item_class?: string;
  source: "deposit" | "upload";
  labelled_by: string;
  labelled_at: string;
  width: number;
  height: number;
  url: string;
}

export interface Page<T> {
  items: T[];
  next_cursor?: string;
}

export interface UploadResult {
  accepted: Sample[];
  refused: { filename: string; problem: ProblemBody }[];
}

export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail?: string;
  errors?: { message: string; location?: string }[];
}

/** Problem is an RFC 9457 answer, or a network that did not answer (status 0). */
export class Problem extends Error {
  readonly slug: string;
  readonly status: number;
  readonly detail: string;
  /** Which of the request's fields are wrong, as "body.prompts.quiet_hours". */
  readonly fields: string[];

  constructor(body: ProblemBody) {
    super(body.title);
    this.slug = body.type.replace("urn:binside:problem:", "");
    this.status = body.status;
    this.detail = body.detail ?? "";
    this.fields = (body.errors ?? []).flatMap((e) => e.location ?? []);
  }
}

export const base = "/api/v1";

/** ask sends a request; an answer that is a problem is thrown as one. */
export async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal, headers: Record<string, string> = {}): Promise<Response> {
  const init: RequestInit = { method, headers, credentials: "same-origin", signal: signal ?? AbortSignal.timeout(30_000) };
  if (body instanceof FormData) {
    init.body = body;
  } else if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...headers, "Content-Type": "application/json" };
  }
  let answer: Response;
  try {
    answer = await fetch(base + path, init);
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Problem({ type: "urn:binside:problem:unreachable", title: "No answer from the server", status: 0 });
  }
  if (!answer.ok) throw new Problem((await answer.json()) as ProblemBody);
  return answer;
}

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal, headers?: Record<string, string>): Promise<T> {
  const text = await (await ask(method, path, body, signal, headers)).text();
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export interface InspectionQuery {
  station?: string;
  bin?: string;
  verdicts?: Verdict[];
  unreviewed?: boolean;
  appealed?: boolean;
  limit?: number;
  cursor?: string;
}

function inspectionsPath(q: InspectionQuery): string {
  const p = new URLSearchParams();
  if (q.station) p.set("station", q.station);
  if (q.bin) p.set("bin", q.bin);
  for (const v of q.verdicts ?? []) p.append("verdict", v);
  if (q.unreviewed) p.set("unreviewed", "true");
  if (q.appealed) p.set("appealed", "true");
  if (q.limit) p.set("limit", String(q.limit));
  if (q.cursor) p.set("cursor", q.cursor);
  return `/inspections?${p.toString()}`;
}

export const api = {
  enter: (code: string) => call<undefined>("POST", "/session", { code }),
  session: () => call<Session>("GET", "/session"),
  leave: () => call<undefined>("DELETE", "/session"),
  taxonomy: () => call<Taxonomy>("GET", "/taxonomy"),
  overview: () => call<Page<StationOverview>>("GET", "/overview"),
  demonstration: () => call<Demonstration>("GET", "/demonstration"),
  inspections: (q: InspectionQuery) => call<Page<Inspection>>("GET", inspectionsPath(q)),
  inspection: (id: string) => call<Inspection>("GET", `/inspections/${id}`),
  explanation: (id: string, signal: AbortSignal) => call<Explanation>("GET", `/inspections/${id}/explanation`, undefined, signal),
  /** heatMap makes the heat map; aborting it ends the work on the server, too. */
  heatMap: async (id: string, signal: AbortSignal) => (await ask("GET", `/inspections/${id}/explanation/heatmap`, undefined, signal)).blob(),
  review: (id: string, body: { decision: string; category?: string; item_class?: string }) =>
    call<Inspection>("POST", `/inspections/${id}/review`, body),
  /** look lets a resident know that somebody looks at their appeal. */
  look: (id: string) => call<undefined>("POST", `/inspections/${id}/look`),
  station: (id: string) => call<Station>("GET", `/stations/${id}`),
  promptSettings: (id: string) => call<PromptSettings>("GET", `/stations/${id}/prompt-settings`),
  setPrompts: (id: string, prompts: Prompts) => call<Station>("PATCH", `/stations/${id}`, { prompts }),
  voices: () => call<Page<VoicePack>>("GET", "/voices"),
  latency: (id: string, minutes: number) => call<Latency>("GET", `/stations/${id}/latency?minutes=${minutes}`),
  receipt: (code: string) => call<Receipt>("GET", `/receipts/${encodeURIComponent(code)}`),
  samples: (cursor?: string) =>
    call<Page<Sample>>("GET", `/samples?limit=60${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`),
  deleteSample: (id: string) => call<undefined>("DELETE", `/samples/${encodeURIComponent(id)}`),
  upload: (files: File[], category: string, itemClass: string, signal: AbortSignal) => {
    const form = new FormData();
    if (itemClass) form.set("item_class", itemClass);
    else form.set("category", category);
    for (const f of files) form.append("files", f, f.name);
    return call<UploadResult>("POST", "/samples", form, signal);
  },
};
