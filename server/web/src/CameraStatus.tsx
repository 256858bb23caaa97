import type { Camera } from "./api";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";

/** Seen is a camera as it was at a look, and its frames a second since the
 * look before. */
export interface Seen {
  camera: Camera;
  at: number;
  rate?: number;
}

/** quiet is how long a rate is still said of a camera that shows nothing more. */
const quiet = 20_000;

/** look compares a camera with what was seen of it before. It counts by the
 * frames' own times: of a camera at an agent the server hears but every 15 s. */
export function look(before: Seen | undefined, camera: Camera, at: number): Seen {
  const [was, is] = [before?.camera.state, camera.state];
  if (!was?.last_frame_at || !is.last_frame_at || is.frames < was.frames) return { camera, at };
  const last = Date.parse(is.last_frame_at);
  const seconds = (last - Date.parse(was.last_frame_at)) / 1000;
  const rate = seconds < 0.5 ? before?.rate : (is.frames - was.frames) / seconds;
  return rate === undefined || at - last > quiet ? { camera, at } : { camera, at, rate };
}

/** CameraStatus says how a camera does, in one line. */
export function CameraStatus({ seen: { camera, at, rate } }: { seen: Seen }) {
  const { t, fill, number, failure } = useI18n();
  const s = camera.state;
  const doubt = s.status === "streaming" ? s.condition : undefined;
  const mood = doubt ? "doubt" : s.status === "streaming" ? "on" : s.status === "connecting" ? "wait" : s.status === "disabled" ? "off" : "bad";
  const parts = [
    ...(s.status === "streaming" && rate !== undefined ? [fill("fps", { n: number(rate, rate < 10 ? 1 : 0) })] : []),
    ...(s.last_frame_at ? [fill("lastFrame", { n: number(Math.max(0, (at - Date.parse(s.last_frame_at)) / 1000), 0) })] : s.status === "disabled" ? [] : [t("noFrameYet")]),
    ...(s.dropped > 0 ? [fill("dropped", { n: s.dropped })] : []),
  ];
  return (
    <span className="status" data-testid="camera-status" data-status={s.status}>
      <b className={`pill ${mood}`}>{t(`${doubt ? `condition_${doubt}` : `camera_${s.status}`}` as Word)}</b>
      <span className="quiet">{parts.join(" · ")}</span>
      {s.error && <span className="fault" data-testid="camera-failure">{failure(s)}</span>}
      {s.error && failure(s) !== s.error && <span className="quiet detail">{s.error}</span>}
    </span>
  );
}
