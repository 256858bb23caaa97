import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Bin } from "./api";
import type { RegionsState } from "./CameraPage";
import { useI18n } from "./i18n";
import { fault, inserted, middle } from "./polygon";
import type { Point, Polygon } from "./polygon";
import { regionOf } from "./regions";
import type { Step } from "./regions";
import { useTaxonomy } from "./taxonomy";
import type { Snapshot } from "./useSnapshot";

/** How large a handle is and how far a finger may miss it, in pixels. */
const dot = 8, small = 6, reach = 22;

/** What is dragged, since where. */
type Drag = { what: "corner"; corner: number } | { what: "region"; last: Point };

/** useWidth follows an element's width in pixels. */
function useWidth() {
  const element = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(800);
  useLayoutEffect(() => {
    const svg = element.current;
    if (!svg) return undefined;
    const watch = new ResizeObserver(() => setWidth(svg.clientWidth || 800));
    watch.observe(svg);
    return () => watch.disconnect();
  }, []);
  return { element, width };
}

/** keys handles what is typed while the picture, or nothing, has the focus. */
function useKeys({ editor, step }: Pick<RegionsState, "editor" | "step">, aspect: number) {
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.target instanceof HTMLInputElement || e.target instanceof HTMLSelectElement) return;
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "z") {
        step({ do: e.shiftKey ? "redo" : "undo" });
        e.preventDefault();
        return;
      }
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      const corner = editor.corner;
      const at = corner === undefined ? undefined : regionOf(editor)?.polygon[corner];
      if (corner === undefined || !at) {
        if (e.key === "Enter" && editor.drawn.length >= 3) step({ do: "close" });
        return;
      }
      if (by) {
        const pace = e.shiftKey ? 0.02 : 0.002;
        if (!e.repeat) step({ do: "begin" });
        step({ do: "moveCorner", corner, to: { x: at.x + (by[0] ?? 0) * pace, y: at.y + (by[1] ?? 0) * pace * aspect } });
      } else if (e.key === "Delete" || e.key === "Backspace") {
        step({ do: "removeCorner", corner });
      } else {
        return;
      }
      e.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [editor, step, aspect]);
}

/** RegionCanvas shows the view with the regions over it, to be drawn with mouse,
 * finger or keys. Its coordinates are pixels of the page. */
export function RegionCanvas({ editor, step, bins, snapshot }: Pick<RegionsState, "editor" | "step"> & { bins: Bin[]; snapshot: Snapshot }) {
  const { t } = useI18n();
  const tax = useTaxonomy();
  const { element, width } = useWidth();
  const height = width / snapshot.aspect;
  const drag = useRef<Drag>(undefined);
  useKeys({ editor, step }, snapshot.aspect);
  const colour = (bin: string) => tax.colour(bins.find((b) => b.id === bin)?.accepts[0] ?? "");
  const place = (e: React.PointerEvent): Point => {
    const box = (element.current as SVGSVGElement).getBoundingClientRect();
    return { x: (e.clientX - box.left) / box.width, y: (e.clientY - box.top) / box.height };
  };
  const points = (p: Polygon) => p.map((c) => `${c.x * width},${c.y * height}`).join(" ");
  const grab = (e: React.PointerEvent, what: Drag) => {
    e.stopPropagation();
    if (e.button !== 0) return;
    element.current?.setPointerCapture(e.pointerId);
    drag.current = what;
    step({ do: "begin" });
    step({ do: "select", bin: editor.bin, corner: what.what === "corner" ? what.corner : undefined });
  };
  const move = (e: React.PointerEvent) => {
    const d = drag.current;
    if (!d) return;
    const at = place(e);
    if (d.what === "corner") {
      step({ do: "moveCorner", corner: d.corner, to: at });
    } else {
      step({ do: "moveRegion", by: { x: at.x - d.last.x, y: at.y - d.last.y } });
      d.last = at;
    }
  };
  const tap = (e: React.PointerEvent) => {
    if (e.button !== 0) return;
    const at = place(e);
    const first = editor.drawn[0];
    if (!editor.bin || regionOf(editor)) {
      step({ do: "select", bin: editor.bin });
    } else if (first && editor.drawn.length >= 3 && Math.hypot((at.x - first.x) * width, (at.y - first.y) * height) < reach) {
      step({ do: "close" });
    } else {
      step({ do: "draw", at });
    }
  };
  const edited = regionOf(editor);
  return (
    <div className="picture canvas" style={{ aspectRatio: snapshot.aspect }}>
      {snapshot.url ? <img src={snapshot.url} alt="" draggable={false} data-testid="snapshot" /> : <p className="noPicture">{t("snapshotWait")}</p>}
      <svg
        ref={element} viewBox={`0 0 ${width} ${height}`} data-testid="region-canvas" aria-label={t("tabRegions")}
        onPointerDown={tap} onPointerMove={move} onPointerUp={() => { drag.current = undefined; }} onPointerCancel={() => { drag.current = undefined; }}
      >
        {editor.regions.filter((r) => r !== edited).map((r) => (
          <polygon
            key={r.bin_id} className="region" points={points(r.polygon)} style={{ "--category": colour(r.bin_id) } as React.CSSProperties} data-bin={r.bin_id}
            onPointerDown={(e) => {
              if (editor.bin && !edited && editor.drawn.length > 0) return; // a corner of the one that is drawn
              e.stopPropagation();
              step({ do: "select", bin: r.bin_id });
            }}
          />
        ))}
        {edited && (
          <polygon
            className="region edited" points={points(edited.polygon)} style={{ "--category": colour(edited.bin_id) } as React.CSSProperties} data-bin={edited.bin_id}
            onPointerDown={(e) => grab(e, { what: "region", last: place(e) })}
          />
        )}
        {editor.regions.map((r) => <Label key={r.bin_id} polygon={r.polygon} text={bins.find((b) => b.id === r.bin_id)?.name ?? r.bin_id} width={width} height={height} />)}
        {edited && <Handles polygon={edited.polygon} bin={edited.bin_id} name={bins.find((b) => b.id === edited.bin_id)?.name ?? ""} corner={editor.corner} width={width} height={height} step={step} grab={grab} place={place} />}
        {editor.drawn.length > 0 && (
          <g className="drawing" style={{ "--category": colour(editor.bin ?? "") } as React.CSSProperties}>
            <polyline points={points(editor.drawn)} />
            {editor.drawn.map((c, i) => <circle key={i} cx={c.x * width} cy={c.y * height} r={i === 0 ? dot + 3 : dot} className={i === 0 ? "first" : ""} />)}
          </g>
        )}
      </svg>
    </div>
  );
}

/** fitted shortens a name to a width in pixels: Chinese letters are twice as
 * wide as Latin ones. */
function fitted(name: string, room: number): string {
  let used = 0;
  for (let i = 0; i < name.length; i++) {
    used += name.charCodeAt(i) > 0x2e7f ? 14 : 8.4;
    if (used > room) return i < 2 ? "" : `${name.slice(0, i - 1).trim()}…`;
  }
  return name;
}

function Label({ polygon, text, width, height }: { polygon: Polygon; text: string; width: number; height: number }) {
  const xs = polygon.map((c) => c.x);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const top = Math.min(...polygon.map((c) => c.y));
  return (
    <text className="regionName" x={((left + right) / 2) * width} y={Math.max(15, top * height - 12)} textAnchor="middle">
      {fitted(text, 1.1 * (right - left) * width)}
    </text>
  );
}

function Handles({ polygon, bin, name, corner, width, height, step, grab, place }: {
  polygon: Polygon;
  bin: string;
  name: string;
  corner: number | undefined;
  width: number;
  height: number;
  step: (s: Step) => void;
  grab: (e: React.PointerEvent, what: Drag) => void;
  place: (e: React.PointerEvent) => Point;
}) {
  const { fill } = useI18n();
  return (
    <>
      {polygon.map((c, i) => {
        const m = middle(c, polygon[(i + 1) % polygon.length] as Point);
        const next = polygon[(i + 1) % polygon.length] as Point;
        // Where corners lie close together there is no room for another.
        if (Math.hypot((next.x - c.x) * width, (next.y - c.y) * height) < 2 * reach) return null;
        return (
          <g
            key={`m${i}`} className="between" data-testid="between"
            onPointerDown={(e) => {
              const at = place(e);
              step({ do: "insert", after: i, at });
              // Where that was refused, the corner is another one.
              if (fault(inserted(polygon, i, at))) e.stopPropagation();
              else grab(e, { what: "corner", corner: i + 1 });
            }}
          >
            <circle className="reach" cx={m.x * width} cy={m.y * height} r={reach * 0.7} />
            <circle cx={m.x * width} cy={m.y * height} r={small} />
          </g>
        );
      })}
      {polygon.map((c, i) => (
        <g
          key={i} className={i === corner ? "corner selected" : "corner"} data-testid="corner" tabIndex={0} role="button" aria-label={fill("cornerOf", { bin: name, n: i + 1 })}
          onFocus={() => { if (i !== corner) step({ do: "select", bin, corner: i }); }}
          onPointerDown={(e) => grab(e, { what: "corner", corner: i })}
        >
          <circle className="reach" cx={c.x * width} cy={c.y * height} r={reach} />
          <circle cx={c.x * width} cy={c.y * height} r={dot} />
        </g>
      ))}
    </>
  );
}
