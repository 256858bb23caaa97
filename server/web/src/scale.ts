import type { Margin } from "./api";

/** position is where a value lies on a margin's scale, from 0 (its low end, and
 * all below) to 1 (its high end, and all above). */
export function position(m: Pick<Margin, "low" | "high" | "logarithmic">, value: number): number {
  const along = (v: number) => (m.logarithmic ? Math.log(v) : v);
  if (m.logarithmic && value <= 0) return 0;
  return Math.min(1, Math.max(0, (along(value) - along(m.low)) / (along(m.high) - along(m.low))));
}
