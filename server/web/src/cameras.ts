// Cameras, as those see them who may manage them.

import { ask, call } from "./api";
import type { Camera, Page } from "./api";
import type { Region } from "./regions";

export const kinds = ["rtsp", "mjpeg", "snapshot", "push", "device", "file", "folder"] as const;
export type Kind = (typeof kinds)[number];

/** Thresholds of a detector; areas are shares of a region, times milliseconds. */
export interface Detector {
  min_threshold: number;
  min_item: number;
  max_item: number;
  still_share: number;
  held_contact: number;
  settle_ms: number;
  held_ms: number;
  large_ms: number;
  leave_after_ms: number;
  rest_ms: number;
  absorb_ms: number;
  pile: boolean;
}

export interface DetectorThresholds {
  own: boolean;
  settings: Detector;
  defaults: Detector;
}

export type RegionState = "learning" | "idle" | "entering" | "settling" | "resting" | "leaving";

export interface RegionLook {
  bin_id: string;
  state: RegionState;
  x: number;
  y: number;
  width: number;
  height: number;
  columns: number;
  rows: number;
  foreground: string;
  thing: string;
  area: number;
  contact: number;
  whole: boolean;
  changed: number;
  still_ms: number;
  needed_ms: number;
  threshold: number;
  noise: number;
  light: [number, number, number];
}

/** RegionView is a region with what it shows: a JPEG of a pixel a cell. */
export interface RegionView extends RegionLook {
  jpeg: string;
}

export interface DetectorLive {
  seq: number;
  at?: string;
  taped_ms: number;
  regions: RegionView[];
}

export interface Recording {
  id: number;
  bin_id: string;
  kind: "deposited" | "removed" | "missed";
  reason?: "too-small" | "too-large" | "held" | "never-settled" | "light";
  deposit_id?: string;
  denied?: boolean;
  start: string;
  end: string;
  area: number;
  still_ms?: number;
  needed_ms?: number;
}

export interface StripFrame extends RegionView {
  at: string;
}

export interface Strip extends Recording {
  frames: StripFrame[];
}

export interface Trial {
  from: string;
  to: string;
  frames: number;
  present: Recording[];
  tried: Recording[];
}

export interface CameraBody {
  name?: string;
  kind?: Kind;
  url?: string;
  transport?: string;
  enabled?: boolean;
  regions?: Region[];
}

const path = (id: string) => `/cameras/${encodeURIComponent(id)}`;

/** tag is the precondition of a change: that the camera is still as it was
 * when it was loaded. */
const tag = (c: Camera) => ({ "If-Match": `"${c.updated_at}"` });

export const cameras = {
  get: (id: string) => call<Camera>("GET", path(id)),
  create: (station: string, body: CameraBody & { regions: Region[] }) => call<Camera>("POST", `/stations/${encodeURIComponent(station)}/cameras`, body),
  change: (c: Camera, body: CameraBody) => call<Camera>("PATCH", path(c.id), body, undefined, tag(c)),
  remove: (c: Camera) => call<undefined>("DELETE", path(c.id), undefined, undefined, tag(c)),
  addBin: (station: string, name: string, accepts: string[]) => call<unknown>("POST", `/stations/${encodeURIComponent(station)}/bins`, { name, accepts }),
  learn: (id: string) => call<undefined>("POST", `${path(id)}/learn`),
  snapshot: async (id: string, signal: AbortSignal) => (await ask("GET", `${path(id)}/snapshot`, undefined, signal)).blob(),
  detector: (id: string) => call<DetectorThresholds>("GET", `${path(id)}/detector`),
  tune: (c: Camera, d: Detector) => call<DetectorThresholds>("PUT", `${path(c.id)}/detector`, d, undefined, tag(c)),
  untune: (c: Camera) => call<DetectorThresholds>("DELETE", `${path(c.id)}/detector`, undefined, undefined, tag(c)),
  live: (id: string, after: number, signal: AbortSignal) => call<DetectorLive>("GET", `${path(id)}/detector/live?after=${after}`, undefined, signal),
  recordings: (id: string) => call<Page<Recording>>("GET", `${path(id)}/detector/events`),
  recording: (id: string, event: number) => call<Strip>("GET", `${path(id)}/detector/events/${event}`),
  trial: (id: string, d: Detector) => call<Trial>("POST", `${path(id)}/detector/trials`, d),
};

/** learnable says that a camera is doubted for its view, which may have been
 * changed on purpose. */
export function learnable(s: Camera["state"]): boolean {
  return s.status === "streaming" && ["moved", "dirty", "blurred", "covered"].includes(s.condition ?? "");
}

/** withCredentials puts a user name and password into an address. */
export function withCredentials(url: string, user: string, password: string): string {
  if (!user && !password) return url;
  const at = /^([a-z]+:\/\/)(?:[^/@]*@)?(.*)$/i.exec(url);
  if (!at) return url;
  return `${at[1]}${encodeURIComponent(user)}${password ? `:${encodeURIComponent(password)}` : ""}@${at[2]}`;
}

/** bits unpacks a mask: one entry a cell. */
export function bits(packed: string, cells: number): Uint8Array {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  return Uint8Array.from({ length: cells }, (_, i) => ((bytes[i >> 3] ?? 0) >> (i & 7)) & 1);
}
