import { useEffect, useState } from "react";
import { api, Problem } from "./api";
import type { Latency, PromptSettings, Prompts, Station, StepLatency, VoicePack } from "./api";
import { DevicesPanel } from "./DevicesPanel";
import { Notice } from "./Notice";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { path } from "./screen";
import "./station.css";

/** StationPage is one station: its devices, how its residents are told, and how
 * quickly. */
export function StationPage({ id, admin }: { id: string; admin: boolean }) {
  const { t } = useI18n();
  const [loaded, setLoaded] = useState<{ station: Station; settings: PromptSettings; voices: VoicePack[] }>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    Promise.all([api.station(id), api.promptSettings(id), api.voices()]).then(
      ([station, settings, voices]) => setLoaded({ station, settings, voices: voices.items }),
      (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        setProblem(p);
      },
    );
  }, [id]);
  if (problem) return problem.status === 404 ? <p className="panel narrow">{t("noStation")} <a href="#/">{t("backToWall")}</a></p> : <Notice problem={problem} />;
  if (!loaded) return <p className="quiet">{t("loading")}</p>;
  const { station, settings, voices } = loaded;
  return (
    <div className="station-page" data-testid="station-settings">
      <p><a href="#/">← {t("backToWall")}</a></p>
      <header>
        <h1>{station.name}</h1>
        <span className="quiet">{station.region_path.split("/").filter(Boolean).join(" › ")}</span>
        <a href={path(station.id)} target="_blank" rel="noreferrer">{t("screenOf")}</a>
      </header>
      <DevicesPanel station={id} zone={station.time_zone} admin={admin} />
      <LatencyPanel id={id} />
      <SettingsForm id={id} settings={settings} voices={voices} admin={admin} onSaved={(own) => setLoaded({ ...loaded, settings: { ...settings, own } })} />
    </div>
  );
}

const windows = [15, 1440, 10080] as const;

function LatencyPanel({ id }: { id: string }) {
  const { t } = useI18n();
  const [minutes, setMinutes] = useState<number>(15);
  const [latency, setLatency] = useState<Latency>();
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    let gone = false;
    const load = () => api.latency(id, minutes).then(
      (l) => { if (!gone) { setLatency(l); setProblem(undefined); } },
      (p: unknown) => { if (!gone && p instanceof Problem) setProblem(p); },
    );
    void load();
    const timer = setInterval(() => void load(), 10_000);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [id, minutes]);
  return (
    <section className="panel" data-testid="latency">
      <header>
        <h2>{t("latency")}</h2>
        <span className="latency-windows" role="group">
          {windows.map((m) => <button key={m} aria-pressed={m === minutes} onClick={() => setMinutes(m)}>{t(`minutes${m}`)}</button>)}
        </span>
      </header>
      <p className="quiet">{t("latencyAbout")}</p>
      {problem && <Notice problem={problem} />}
      {latency && latency.n === 0 && <p className="latency-none">{t("latencyNone")}</p>}
      {latency && latency.n > 0 && <LatencyChart latency={latency} />}
    </section>
  );
}

/** marks are round times up to a bound, in ms. */
export function marks(most: number): number[] {
  const step = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((s) => most / s <= 5) ?? 10_000;
  return Array.from({ length: Math.ceil(most / step) }, (_, n) => (n + 1) * step);
}

function LatencyChart({ latency }: { latency: Latency }) {
  const { t } = useI18n();
  const lines = marks(Math.max(1, ...latency.steps.map((s) => s.p99_ms)));
  const most = lines[lines.length - 1] ?? 1;
  return (
    <>
      <p className="figure">{t("latencyOf").replace("{n}", String(latency.n))} {latency.cut && t("latencyCut")}</p>
      <table className="latency">
        <thead><tr><th /><td className="latency-axis">{lines.map((m) => <span key={m} style={{ left: `${(100 * m) / most}%` }}>{ms(m)}</span>)}</td><th>p50</th><th>p95</th><th>p99</th></tr></thead>
        <tbody>{latency.steps.map((s) => <LatencyRow key={s.step} step={s} most={most} lines={lines} />)}</tbody>
      </table>
    </>
  );
}

const ms = (v: number) => (v >= 1000 ? `${Number((v / 1000).toFixed(2))} s` : `${v < 10 ? Number(v.toFixed(1)) : Math.round(v)} ms`);

function LatencyRow({ step: s, most, lines }: { step: StepLatency; most: number; lines: number[] }) {
  const { t } = useI18n();
  const share = (v: number) => `${(100 * v) / most}%`;
  return (
    <tr className={s.step} data-testid={`step-${s.step}`}>
      <th scope="row">{t(`step_${s.step}` as Word)}</th>
      <td className="latency-track">
        {lines.map((m) => <i key={m} style={{ left: share(m) }} />)}
        {s.n > 0 && <><span className="p99" style={{ width: share(s.p99_ms) }} /><span className="p95" style={{ width: share(s.p95_ms) }} /><span className="p50" style={{ width: share(s.p50_ms) }} /></>}
      </td>
      {[s.p50_ms, s.p95_ms, s.p99_ms].map((v, n) => <td key={n} className="figure">{s.n > 0 ? ms(v) : "–"}</td>)}
    </tr>
  );
}

type Fields = Record<"window" | "budget" | "span" | "quiet" | "language" | "volume" | "voice", string>;

function SettingsForm({ id, settings, voices, admin, onSaved }: {
  id: string;
  settings: PromptSettings;
  voices: VoicePack[];
  admin: boolean;
  onSaved: (own: Prompts) => void;
}) {
  const { t, text } = useI18n();
  const { own, service } = settings;
  const number = (v: number | undefined) => (v === undefined ? "" : String(v));
  const [fields, setFields] = useState<Fields>({
    window: number(own.window_seconds), budget: number(own.budget), span: number(own.budget_span_seconds),
    quiet: own.quiet_hours === "" ? t("none") : (own.quiet_hours ?? ""), language: own.language ?? "", volume: number(own.volume), voice: own.voice ?? "",
  });
  const [state, setState] = useState<"idle" | "busy" | "saved">("idle");
  const [problem, setProblem] = useState<Problem>();
  const put = (name: keyof Fields) => (e: React.ChangeEvent<HTMLInputElement | HTMLSelectElement>) => {
    setFields({ ...fields, [name]: e.target.value });
    setState("idle");
  };
  const save = () => {
    setState("busy");
    setProblem(undefined);
    const prompts = toPrompts(fields);
    api.setPrompts(id, prompts).then(() => {
      onSaved(prompts);
      setState("saved");
    }, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
      setState("idle");
    });
  };
  const wrong = (name: string) => problem?.fields.some((f) => f.endsWith(`.${name}`)) ?? false;
  const input = (name: keyof Fields, field: string, label: Word, low: number, high: number, service: number | undefined) => (
    <label>
      <span>{t(label)}</span>
      <input type="number" min={low} max={high} step={1} value={fields[name]} onChange={put(name)} placeholder={number(service)} aria-invalid={wrong(field)} data-testid={`set-${name}`} />
    </label>
  );
  const chosen = voices.find((v) => v.id === fields.voice);
  const serviceLanguage = service.language === "en" ? t("language_en") : t("language_zh");
  return (
    <section className="panel">
      <h2>{t("settings")}</h2>
      <p className="quiet">{t("settingsAbout")} {!admin && t("settingsReadOnly")}</p>
      <form className="settings" onSubmit={(e) => { e.preventDefault(); save(); }}>
        <fieldset disabled={!admin || state === "busy"}>
          {input("window", "window_seconds", "setWindow", 5, 300, service.window_seconds)}
          {input("budget", "budget", "setBudget", 0, 10_000, service.budget)}
          {input("span", "budget_span_seconds", "setSpan", 60, 86_400, service.budget_span_seconds)}
          <label>
            <span>{t("setQuiet")}</span>
            <input value={fields.quiet} onChange={put("quiet")} placeholder={service.quiet_hours || t("none")} maxLength={200} aria-invalid={wrong("quiet_hours")} data-testid="set-quiet" />
            <small className="quiet">{t("setQuietHint")}</small>
          </label>
          <label>
            <span>{t("setLanguage")}</span>
            <select value={fields.language} onChange={put("language")} data-testid="set-language">
              <option value="">{t("followsService")} ({serviceLanguage})</option>
              <option value="zh-CN">{t("language_zh")}</option>
              <option value="en">{t("language_en")}</option>
            </select>
          </label>
          {input("volume", "volume", "setVolume", 0, 100, service.volume)}
          <label>
            <span>{t("setVoice")}</span>
            <select value={fields.voice} onChange={put("voice")} aria-invalid={wrong("voice")} data-testid="set-voice">
              <option value="">{t("noVoice")}</option>
              {fields.voice && !chosen && <option value={fields.voice}>{fields.voice} ({t("voiceGone")})</option>}
              {voices.map((v) => <option key={v.id} value={v.id} disabled={!v.usable}>{v.usable ? text(v.name, v.id) : `${v.id} (${v.problems.join("; ")})`}</option>)}
            </select>
            {chosen && chosen.missing.length > 0 && <small className="quiet">{chosen.missing.length} {t("voiceMissing")}</small>}
          </label>
        </fieldset>
        {problem && (problem.slug === "validation" ? <p className="notice" role="alert">{t("settingsWrong")}</p>
          : problem.slug === "conflict" ? <p className="notice" role="alert">{t("settingsConflict")}</p>
            : <Notice problem={problem} />)}
        {admin && (
          <p>
            <button className="primary" disabled={state === "busy"} data-testid="save-settings">{t("save")}</button>
            {state === "saved" && <span className="settings-saved" role="status" data-testid="saved">✓ {t("saved")}</span>}
          </p>
        )}
      </form>
    </section>
  );
}

/** toPrompts reads the form: what is empty follows the service. */
export function toPrompts(f: Fields): Prompts {
  const out: Prompts = {};
  if (f.window !== "") out.window_seconds = Number(f.window);
  if (f.budget !== "") out.budget = Number(f.budget);
  if (f.span !== "") out.budget_span_seconds = Number(f.span);
  const quiet = f.quiet.trim();
  if (quiet !== "") out.quiet_hours = quiet === "无" || quiet.toLowerCase() === "none" ? "" : quiet.replace(/[\uff0c\u3001]/g, ",");
  if (f.language === "zh-CN" || f.language === "en") out.language = f.language;
  if (f.volume !== "") out.volume = Number(f.volume);
  if (f.voice !== "") out.voice = f.voice;
  return out;
}
