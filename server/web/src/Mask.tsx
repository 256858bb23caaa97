import { useEffect, useRef } from "react";
import { bits } from "./cameras";
import type { RegionLook } from "./cameras";

/** The colours of a cell that differs, and of one that is taken for a thing. */
export const foregroundColour = [250, 204, 21, 110] as const, thingColour = [239, 68, 68, 150] as const;

/** Mask draws one region's mask, a pixel a cell, over the picture that it lies
 * in. */
export function Mask({ look }: { look: RegionLook }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { columns, rows, foreground, thing } = look;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const picture = context.createImageData(columns, rows);
    const [fore, item] = [bits(foreground, columns * rows), bits(thing, columns * rows)];
    fore.forEach((set, i) => {
      if (set || item[i]) picture.data.set(item[i] ? thingColour : foregroundColour, 4 * i);
    });
    context.putImageData(picture, 0, 0);
  }, [columns, rows, foreground, thing]);
  return <canvas ref={canvas} className="mask" width={columns} height={rows} data-testid="mask" />;
}
