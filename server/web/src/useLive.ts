import { useEffect, useState } from "react";
import { Problem } from "./api";
import { cameras } from "./cameras";
import type { DetectorLive, RegionState } from "./cameras";

/** How much of the past the chart shows, in ms. */
export const chartSpan = 30_000;

export interface Sample {
  at: number;
  area: number;
  state: RegionState;
}

export interface Live {
  look?: DetectorLive;
  /** What each bin's region showed lately. */
  history: Record<string, Sample[]>;
  problem?: Problem;
}

const pause = 100, pauseAfterProblem = 2_000;

/** next adds a look to what is shown. */
export function next(live: Live, look: DetectorLive): Live {
  if (look.seq === live.look?.seq || !look.at) return { history: live.history, look };
  const at = Date.parse(look.at);
  const history = Object.fromEntries(look.regions.map((r) => {
    const before = (live.history[r.bin_id] ?? []).filter((s) => s.at > at - chartSpan && s.at < at);
    return [r.bin_id, [...before, { at, area: r.area, state: r.state }]];
  }));
  return { history, look };
}

/** useLive follows a camera's detector while the page is seen. */
export function useLive(id: string): Live {
  const [live, setLive] = useState<Live>({ history: {} });
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    let seq = 0;
    const again = (after: number) => { if (!abort.signal.aborted) timer = setTimeout(ask, after); };
    const ask = () => {
      if (document.hidden) return again(pauseAfterProblem);
      cameras.live(id, seq, abort.signal).then(
        (look) => {
          seq = look.seq;
          setLive((l) => next(l, look));
          again(pause);
        },
        (p: unknown) => {
          if (abort.signal.aborted) return;
          if (!(p instanceof Problem)) throw p;
          setLive((l) => ({ ...l, problem: p }));
          again(pauseAfterProblem);
        },
      );
    };
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return live;
}
