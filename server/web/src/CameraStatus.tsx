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

/** look compares a camera with what was seen of it before. */
export function look(before: Seen | undefined, camera: Camera, at: number): Seen {
  if (!before) return { camera, at };
  const seconds = (at - before.at) / 1000;
  const frames = camera.state.frames - before.camera.state.frames;
  if (seconds < 0.5 || frames < 0) return { camera, at, ...(before.rate === undefined ? {} : { rate: before.rate }) };
  return { camera, at, rate: frames / seconds };
}

/** CameraStatus says how a camera does, in one line. */
export function CameraStatus({ seen: { camera, at, rate } }: { seen: Seen }) {
  const { t, fill, number } = useI18n();
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
      {s.error && <span className="fault">{s.error}</span>}
    </span>
  );
}
