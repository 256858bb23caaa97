import { useEffect, useState } from "react";
import { Problem } from "./api";
import type { Bin } from "./api";
import { cameras } from "./cameras";
import type { Detector, Recording, Strip } from "./cameras";
import { useI18n } from "./i18n";
import type { I18n } from "./i18n";
import { Mask } from "./Mask";
import { Notice } from "./Notice";

const every = 3_000, pace = 200;

/** why says in a sentence why something was not counted. */
function why({ fill, t, percent, number }: I18n, r: Recording, settings: Detector): string {
  const values = { area: percent(r.area, 1), least: percent(settings.min_item, 1), still: number((r.still_ms ?? 0) / 1000, 1), needed: number((r.needed_ms ?? 0) / 1000, 1) };
  if (r.denied) return t("rec_denied");
  return r.reason ? fill(`miss_${r.reason}`, values) : "";
}

/** Recordings lists what the detector made lately of what it saw, and plays it. */
export function Recordings({ camera, bins, zone, settings }: { camera: string; bins: Bin[]; zone: string; settings: Detector }) {
  const i18n = useI18n();
  const { t } = i18n;
  const [list, setList] = useState<Recording[]>();
  const [only, setOnly] = useState<"all" | "counted" | "missed">("all");
  const [open, setOpen] = useState<Strip>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    const load = () => cameras.recordings(camera).then((p) => setList(p.items), () => undefined);
    void load();
    const timer = setInterval(() => void load(), every);
    return () => clearInterval(timer);
  }, [camera]);
  const choose = (id: number) => {
    setProblem(undefined);
    cameras.recording(camera, id).then(setOpen, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    });
  };
  const shown = (list ?? []).filter((r) => only === "all" || (r.kind === "missed") === (only === "missed"));
  const name = (id: string) => bins.find((b) => b.id === id)?.name ?? id;
  return (
    <section className="panel recordings" data-testid="recordings">
      <header className="line">
        <h2>{t("lately")}</h2>
        <span className="choice">
          {(["all", "counted", "missed"] as const).map((o) => (
            <button key={o} aria-pressed={only === o} onClick={() => setOnly(o)}>{t(o === "all" ? "latelyAll" : o === "counted" ? "latelyCounted" : "latelyMissed")}</button>
          ))}
        </span>
      </header>
      {list?.length === 0 && <p className="quiet">{t("latelyEmpty")}</p>}
      {problem && <Notice problem={problem} />}
      <div className="columns">
        <ol>
          {shown.map((r) => (
            <li key={r.id}>
              <button aria-pressed={open?.id === r.id} onClick={() => choose(r.id)} data-testid="recording" data-kind={r.kind}>
                <b className={`kind ${r.denied ? "missed" : r.kind}`}>{t(`rec_${r.kind}`)}</b>
                <span>{name(r.bin_id)} <span className="quiet">{i18n.time(r.start, zone)}</span></span>
                <span className="quiet">{why(i18n, r, settings)}</span>
              </button>
            </li>
          ))}
        </ol>
        {open ? <Player key={open.id} strip={open} name={name(open.bin_id)} zone={zone} sentence={why(i18n, open, settings)} /> : shown.length > 0 && <p className="quiet">{t("chooseRecording")}</p>}
      </div>
    </section>
  );
}

function Player({ strip, name, zone, sentence }: { strip: Strip; name: string; zone: string; sentence: string }) {
  const { t, fill, time, percent } = useI18n();
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(true);
  const [masked, setMasked] = useState(true);
  const n = strip.frames.length;
  useEffect(() => {
    if (!playing || n < 2) return undefined;
    const timer = setInterval(() => setAt((i) => (i + 1) % n), pace);
    return () => clearInterval(timer);
  }, [playing, n]);
  const frame = strip.frames[at];
  if (!frame) return null;
  return (
    <figure className="player" data-testid="player">
      <div className="picture" style={{ aspectRatio: frame.columns / frame.rows }}>
        <img src={`data:image/jpeg;base64,${frame.jpeg}`} alt={name} />
        {masked && <Mask look={frame} />}
      </div>
      <div className="line">
        <button onClick={() => setPlaying(!playing)}>{playing ? t("pause") : t("play")}</button>
        <input type="range" min="0" max={n - 1} value={at} aria-label={fill("frameOf", { i: at + 1, n })} onChange={(e) => { setPlaying(false); setAt(Number(e.target.value)); }} />
        <label className="tick"><input type="checkbox" checked={masked} onChange={(e) => setMasked(e.target.checked)} />{t("showMask")}</label>
      </div>
      <figcaption>
        <b>{t(`rec_${strip.kind}`)}</b> {name} · {time(frame.at, zone)} · <b className={`state now-${frame.state}`}>{t(`state_${frame.state}`)}</b> · {t("area")} {percent(frame.area, 1)}
        {sentence && <p>{sentence}</p>}
      </figcaption>
    </figure>
  );
}
