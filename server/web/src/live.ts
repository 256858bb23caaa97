import { base } from "./api";
import type { Inspection } from "./api";

/** How long after an answer that is no stream, such as a proxy's while the server
 * starts, the stream is asked for again, in ms: browsers do not. */
const streamAgain = 5_000;

/** follow reads the live stream; the browser reconnects by itself and resumes
 * by the last event's id, which brings what was stored meanwhile and not what
 * became of the rest: the lists are to be loaded anew after every break. It
 * returns how to stop. */
export function follow(on: {
  inspection: (i: Inspection) => void;
  resync: () => void;
  connected: (yes: boolean) => void;
}): () => void {
  let events: EventSource;
  let broken = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    events = new EventSource(`${base}/events`, { withCredentials: true });
    for (const name of ["inspection", "review"]) {
      events.addEventListener(name, (e) => {
        on.inspection(JSON.parse((e as MessageEvent<string>).data) as Inspection);
      });
    }
    events.addEventListener("resync", () => on.resync());
    events.onopen = () => {
      on.connected(true);
      if (broken) on.resync();
      broken = false;
    };
    events.onerror = () => {
      broken = true;
      on.connected(false);
      if (events.readyState !== EventSource.CLOSED) return;
      on.resync(); // it says so where the session has ended
      timer = setTimeout(open, streamAgain);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    events.close();
  };
}
