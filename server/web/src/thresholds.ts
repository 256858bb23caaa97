// The thresholds of a detector as the page shows them.

import { clamp } from "./polygon";
import type { Detector, Recording } from "./cameras";

export interface Field {
  key: Exclude<keyof Detector, "pile">;
  unit: "levels" | "share" | "ms";
  low: number;
  high: number;
  help?: true;
}

/** In the order in which they decide. */
export const fields: Field[] = [
  { key: "min_threshold", unit: "levels", low: 2, high: 60, help: true },
  { key: "min_item", unit: "share", low: 0.001, high: 0.5, help: true },
  { key: "max_item", unit: "share", low: 0.01, high: 1, help: true },
  { key: "settle_ms", unit: "ms", low: 100, high: 10_000 },
  { key: "held_ms", unit: "ms", low: 100, high: 20_000 },
  { key: "large_ms", unit: "ms", low: 100, high: 60_000 },
  { key: "still_share", unit: "share", low: 0.01, high: 0.6, help: true },
  { key: "held_contact", unit: "share", low: 0.01, high: 1, help: true },
  { key: "leave_after_ms", unit: "ms", low: 100, high: 10_000 },
  { key: "rest_ms", unit: "ms", low: 100, high: 60_000 },
  { key: "absorb_ms", unit: "ms", low: 100, high: 600_000 },
];

const scale: Record<Field["unit"], number> = { levels: 1, share: 100, ms: 0.001 };
const tidy = (v: number) => Number(v.toPrecision(3));

/** toField is a value in the unit that the page shows: percent, seconds. */
export const toField = (f: Field, v: number) => tidy(v * scale[f.unit]);

/** toValue is the other way round, as far as the server takes it. */
export function toValue(f: Field, shown: number): number {
  const v = clamp(shown / scale[f.unit], f.low, f.high);
  return f.unit === "ms" ? Math.round(v) : tidy(v);
}

/** Sliders run over the logarithm: a small share needs small steps. */
export const toSlider = (f: Field, v: number) => Math.round((1000 * Math.log(clamp(v, f.low, f.high) / f.low)) / Math.log(f.high / f.low));

export function fromSlider(f: Field, at: number): number {
  const v = Number((f.low * (f.high / f.low) ** (at / 1000)).toPrecision(2));
  return f.unit === "ms" ? Math.round(v) : v;
}

/** disorder names what the server would refuse (deposit.Config.Validate). */
export function disorder(d: Detector): "order_item" | "order_still" | "order_rest" | undefined {
  if (d.min_item >= d.max_item) return "order_item";
  if (d.settle_ms > d.held_ms || d.held_ms > d.large_ms) return "order_still";
  return d.settle_ms > d.rest_ms || d.rest_ms > d.absorb_ms ? "order_rest" : undefined;
}

/** compare pairs the deposits of two runs over the same frames by bin and time:
 * what the second run has gained and lost. */
export function compare(present: Recording[], tried: Recording[]): { gained: Recording[]; lost: Recording[]; before: number; after: number } {
  const deposits = (list: Recording[]) => list.filter((r) => r.kind === "deposited" && !r.denied);
  const [before, after] = [deposits(present), deposits(tried)];
  const left = [...after];
  const lost = before.filter((p) => {
    const i = left.findIndex((r) => r.bin_id === p.bin_id && Math.abs(Date.parse(r.start) - Date.parse(p.start)) < 1500);
    if (i >= 0) left.splice(i, 1);
    return i < 0;
  });
  return { gained: left, lost, before: before.length, after: after.length };
}
