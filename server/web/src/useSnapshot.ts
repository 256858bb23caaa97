import { useCallback, useEffect, useRef, useState } from "react";
import { Problem } from "./api";
import { cameras } from "./cameras";

export interface Snapshot {
  url?: string;
  /** Width over height. */
  aspect: number;
  at?: string;
  problem?: Problem;
}

/** every is the time between two looks at a camera's view. */
const every = 4_000;

/** useSnapshot shows a camera's view while the page is seen: the server logs
 * every look, so it does not ask oftener than it must. */
export function useSnapshot(id: string): Snapshot & { refresh: () => void } {
  const [snapshot, setSnapshot] = useState<Snapshot>({ aspect: 16 / 9 });
  const [asked, setAsked] = useState(0);
  const shown = useRef<string>(undefined);
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const next = () => { timer = setTimeout(fetchIt, every); };
    const fetchIt = () => {
      if (document.hidden) return next();
      cameras.snapshot(id, abort.signal).then(
        async (blob) => {
          const picture = await createImageBitmap(blob);
          const aspect = picture.width / picture.height;
          picture.close();
          if (abort.signal.aborted) return;
          const url = URL.createObjectURL(blob);
          if (shown.current) URL.revokeObjectURL(shown.current);
          shown.current = url;
          setSnapshot({ url, aspect, at: new Date().toISOString() });
        },
        (p: unknown) => {
          if (!(p instanceof Problem)) {
            if (!abort.signal.aborted) throw p;
            return;
          }
          setSnapshot((s) => ({ ...s, problem: p }));
        },
      ).finally(() => { if (!abort.signal.aborted) next(); });
    };
    fetchIt();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id, asked]);
  useEffect(() => () => { if (shown.current) URL.revokeObjectURL(shown.current); }, []);
  const refresh = useCallback(() => setAsked((n) => n + 1), []);
  return { ...snapshot, refresh };
}
