import type { Agent } from "./api";

/** What is wrong with a station's agent, by the names of its sentences. */
export interface Trouble {
  kind: "silent" | "clock" | "full" | "bundle" | "rejected";
  seconds?: number;
  n?: number;
  why?: string;
}

/** How far a clock may be off without a word, in seconds. */
export const maxSkew = 2;

/** troubles are those of an agent, the gravest first. What an agent said of
 * its clock, disk and settings before it fell silent is still said. */
export function troubles(a: Agent): Trouble[] {
  const out: Trouble[] = [];
  if (!a.online) out.push({ kind: "silent" });
  const r = a.report;
  if (!r) return out;
  if (r.disk.full) out.push({ kind: "full" });
  if (r.refused) out.push({ kind: "bundle", why: r.refused });
  if (r.backlog.rejected > 0) out.push({ kind: "rejected", n: r.backlog.rejected });
  if (Math.abs(r.skew_seconds ?? 0) > maxSkew) out.push({ kind: "clock", seconds: Math.abs(r.skew_seconds ?? 0) });
  return out;
}
