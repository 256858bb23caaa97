// Regions as the server takes them (vision/polygon.go): corners as shares of
// the picture, 3 to 64 of them, inside it, an outline that does not cross or
// touch itself, and an area of at least a ten-thousandth of the picture.

export interface Point {
  x: number;
  y: number;
}

export type Polygon = Point[];

export const maxCorners = 64;
const leastArea = 1e-4;

export const clamp = (v: number, low = 0, high = 1) => Math.min(high, Math.max(low, v));

export function area(p: Polygon): number {
  return Math.abs(p.reduce((sum, a, i) => {
    const b = p[(i + 1) % p.length] as Point;
    return sum + a.x * b.y - b.x * a.y;
  }, 0)) / 2;
}

const side = (a: Point, b: Point, c: Point) => (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);

const within = (a: Point, b: Point, c: Point) =>
  Math.min(a.x, b.x) <= c.x && c.x <= Math.max(a.x, b.x) && Math.min(a.y, b.y) <= c.y && c.y <= Math.max(a.y, b.y);

/** meet reports whether two segments have a point in common. */
export function meet(a: Point, b: Point, c: Point, d: Point): boolean {
  const [abc, abd, cda, cdb] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)];
  if (abc * abd < 0 && cda * cdb < 0) return true;
  return (abc === 0 && within(a, b, c)) || (abd === 0 && within(a, b, d)) || (cda === 0 && within(c, d, a)) || (cdb === 0 && within(c, d, b));
}

const folds = (a: Point, b: Point, c: Point) => side(a, b, c) === 0 && (a.x - b.x) * (c.x - b.x) + (a.y - b.y) * (c.y - b.y) >= 0;

/** crosses reports whether the outline crosses or touches itself; that of an
 * open line is checked without the edge that would close it. */
export function crosses(p: Polygon, open = false): boolean {
  const n = p.length;
  const edges = open ? n - 1 : n;
  for (let i = 0; i < edges; i++) {
    for (let j = i + 1; j < edges; j++) {
      const [a, b, c, d] = [p[i], p[(i + 1) % n], p[j], p[(j + 1) % n]] as [Point, Point, Point, Point];
      if (j === i + 1 ? folds(a, b, d) : !open && i === 0 && j === n - 1 ? folds(c, d, b) : meet(a, b, c, d)) return true;
    }
  }
  return false;
}

export type Fault = "fewCorners" | "manyCorners" | "outside" | "crossing" | "tiny";

/** fault says what is wrong with a region, undefined for nothing. */
export function fault(p: Polygon): Fault | undefined {
  if (p.length < 3) return "fewCorners";
  if (p.length > maxCorners) return "manyCorners";
  if (p.some(({ x, y }) => !(x >= 0 && x <= 1 && y >= 0 && y <= 1))) return "outside";
  if (crosses(p)) return "crossing";
  return area(p) < leastArea ? "tiny" : undefined;
}

export const replaced = (p: Polygon, i: number, to: Point) => p.map((c, k) => (k === i ? to : c));
export const inserted = (p: Polygon, after: number, c: Point) => [...p.slice(0, after + 1), c, ...p.slice(after + 1)];
export const without = (p: Polygon, i: number) => p.filter((_, k) => k !== i);

/** moved shifts the whole region as far as it stays inside the picture. */
export function moved(p: Polygon, by: Point): Polygon {
  const dx = clamp(by.x, -Math.min(...p.map((c) => c.x)), 1 - Math.max(...p.map((c) => c.x)));
  const dy = clamp(by.y, -Math.min(...p.map((c) => c.y)), 1 - Math.max(...p.map((c) => c.y)));
  return p.map((c) => ({ x: clamp(c.x + dx), y: clamp(c.y + dy) }));
}

export const middle = (a: Point, b: Point): Point => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });

/** rectangle is where a region begins that is not drawn by hand; the n-th lies
 * beside the others. */
export function rectangle(n: number): Polygon {
  const x = 0.06 + 0.23 * (n % 4);
  const y = n < 4 ? 0.35 : 0.62;
  return [{ x, y }, { x: x + 0.19, y }, { x: x + 0.19, y: y + 0.25 }, { x, y: y + 0.25 }];
}
