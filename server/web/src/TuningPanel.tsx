import { useCallback, useEffect, useState } from "react";
import { Problem } from "./api";
import type { Bin, Camera } from "./api";
import { cameras } from "./cameras";
import type { Detector, DetectorThresholds, RegionLook, Trial } from "./cameras";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { Mask } from "./Mask";
import { Notice } from "./Notice";
import { Recordings } from "./Recordings";
import { StripChart } from "./StripChart";
import { useTaxonomy } from "./taxonomy";
import { ThresholdForm } from "./ThresholdForm";
import { compare, disorder } from "./thresholds";
import { useLive } from "./useLive";
import type { Live } from "./useLive";
import { useSnapshot } from "./useSnapshot";

export function TuningPanel({ camera, bins, zone, onChanged }: { camera: Camera; bins: Bin[]; zone: string; onChanged: (c: Camera) => void }) {
  const { t } = useI18n();
  const [thresholds, setThresholds] = useState<DetectorThresholds>();
  const [draft, setDraft] = useState<Detector>();
  const [problem, setProblem] = useState<Problem>();
  const live = useLive(camera.id);
  const show = useCallback((d: DetectorThresholds) => {
    setThresholds(d);
    setDraft(d.settings);
  }, []);
  useEffect(() => {
    cameras.detector(camera.id).then(show, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    });
  }, [camera.id, show]);
  if (camera.regions.length === 0) return <p className="panel" data-testid="draw-first">{t("drawFirst")}</p>;
  if (!thresholds || !draft) return problem ? <Notice problem={problem} /> : <p className="quiet">{t("loading")}</p>;
  return (
    <>
      <div className="tuning">
        <LiveView camera={camera} bins={bins} live={live} settings={draft} />
        <Thresholds camera={camera} bins={bins} thresholds={thresholds} draft={draft} setDraft={setDraft} taped={live.look?.taped_ms ?? 0} show={show} onChanged={onChanged} />
      </div>
      <Recordings camera={camera.id} bins={bins} zone={zone} settings={thresholds.settings} />
    </>
  );
}

function LiveView({ camera, bins, live, settings }: { camera: Camera; bins: Bin[]; live: Live; settings: Detector }) {
  const { t } = useI18n();
  const tax = useTaxonomy();
  const snapshot = useSnapshot(camera.id);
  const [chosen, setChosen] = useState<string>();
  const looks = live.look?.regions ?? [];
  const look = looks.find((l) => l.bin_id === chosen) ?? looks[0];
  const name = (id: string) => bins.find((b) => b.id === id)?.name ?? id;
  const colour = (id: string) => ({ "--category": tax.colour(bins.find((b) => b.id === id)?.accepts[0] ?? "") }) as React.CSSProperties;
  const share = (v: number) => `${100 * v}%`;
  return (
    <section className="panel view">
      <div className="picture canvas" style={{ aspectRatio: snapshot.aspect }}>
        {snapshot.url ? <img src={snapshot.url} alt="" data-testid="snapshot" /> : <p className="noPicture">{t("snapshotWait")}</p>}
        {looks.map((l) => (
          <div key={l.bin_id} className="live-region" style={{ left: share(l.x), top: share(l.y), width: share(l.width), height: share(l.height), clipPath: outline(l, camera) }}>
            <img src={`data:image/jpeg;base64,${l.jpeg}`} alt="" />
            <Mask look={l} />
          </div>
        ))}
        <svg viewBox="0 0 1 1" preserveAspectRatio="none">
          {camera.regions.map((r) => (
            <polygon key={r.bin_id} className="region" vectorEffect="non-scaling-stroke" points={r.polygon.map((c) => `${c.x},${c.y}`).join(" ")} style={colour(r.bin_id)} onClick={() => setChosen(r.bin_id)} />
          ))}
        </svg>
      </div>
      <p className="maskLegend quiet"><i className="thing" />{t("legendThing")} <i className="fore" />{t("legendForeground")}</p>
      {snapshot.problem && <Notice problem={snapshot.problem} onRetry={snapshot.refresh} />}
      {live.problem && live.problem.slug !== snapshot.problem?.slug && <Notice problem={live.problem} />}
      {!look && <p className="quiet">{t("noMaskYet")}</p>}
      <div className="regionStates">
        {looks.map((l) => (
          <button key={l.bin_id} aria-pressed={l === look} style={colour(l.bin_id)} onClick={() => setChosen(l.bin_id)} data-testid="region-state" data-id={l.bin_id}>
            <i /><span>{name(l.bin_id)}</span><b className={`state now-${l.state}`}>{t(`state_${l.state}`)}</b>
          </button>
        ))}
      </div>
      {look && <StripChart samples={live.history[look.bin_id] ?? []} least={settings.min_item} most={settings.max_item} />}
      {look && <Figures look={look} settings={settings} />}
    </section>
  );
}

/** outline cuts a region's picture, which is a rectangle, to its polygon. */
function outline(l: RegionLook, camera: Camera): string {
  const polygon = camera.regions.find((r) => r.bin_id === l.bin_id)?.polygon ?? [];
  return `polygon(${polygon.map((c) => `${(100 * (c.x - l.x)) / l.width}% ${(100 * (c.y - l.y)) / l.height}%`).join(",")})`;
}

/** Figures are what decides at this moment. */
function Figures({ look: l, settings }: { look: RegionLook; settings: Detector }) {
  const { t, fill, percent, number } = useI18n();
  const there = l.area > 0;
  return (
    <dl className="figures">
      <dt>{t("area")}</dt><dd>{percent(l.area, 1)}</dd>
      <dt>{t("still")}</dt><dd>{there ? fill("ofNeeded", { a: number(l.still_ms / 1000, 1), b: number(l.needed_ms / 1000, 1) }) : "–"}</dd>
      <dt>{t("changed")}</dt><dd>{there ? `${percent(l.changed)} ≤ ${percent(settings.still_share)}` : "–"}</dd>
      <dt>{t("contact")}</dt><dd>{there ? `${percent(l.contact)} ≤ ${percent(settings.held_contact)}` : "–"}</dd>
      <dt>{t("thresholdNow")}</dt><dd data-testid="threshold-now">{fill("levels", { n: l.threshold })}</dd>
      <dt>{t("noiseNow")}</dt><dd>{fill("levels", { n: number(l.noise, 1) })}</dd>
      <dt>{t("lightNow")}</dt><dd>{l.light.map((g) => `×${number(g, 2)}`).join(" ")}</dd>
    </dl>
  );
}

function Thresholds({ camera, bins, thresholds, draft, setDraft, taped, show, onChanged }: {
  camera: Camera;
  bins: Bin[];
  thresholds: DetectorThresholds;
  draft: Detector;
  setDraft: (d: Detector) => void;
  taped: number;
  show: (d: DetectorThresholds) => void;
  onChanged: (c: Camera) => void;
}) {
  const { t, fill } = useI18n();
  const [busy, setBusy] = useState<"" | "save" | "try">("");
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [trial, setTrial] = useState<Trial>();
  const dirty = JSON.stringify(draft) !== JSON.stringify(thresholds.settings);
  const wrong = disorder(draft) !== undefined;
  const run = (what: "save" | "try", work: () => Promise<void>) => {
    setBusy(what);
    setProblem(undefined);
    setDone(false);
    work().catch((p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    }).finally(() => setBusy(""));
  };
  const store = (change: () => Promise<DetectorThresholds>) => run("save", async () => {
    show(await change());
    onChanged(await cameras.get(camera.id));
    setDone(true);
    setTrial(undefined);
  });
  const reload = () => run("save", async () => {
    show(await cameras.detector(camera.id));
    onChanged(await cameras.get(camera.id));
  });
  return (
    <section className="panel side" data-testid="thresholds">
      <h2>{t("thresholds")} <span className="quiet">{t(thresholds.own ? "thresholdsOwn" : "thresholdsDefault")}</span></h2>
      <ThresholdForm value={draft} onChange={(d) => { setDraft(d); setDone(false); }} />
      <div className="line">
        <button className="primary" disabled={!dirty || wrong || busy !== ""} data-testid="save-thresholds" onClick={() => store(() => cameras.tune(camera, draft))}>
          {busy === "save" ? t("saving") : t("save")}
        </button>
        <button disabled={wrong || busy !== "" || taped < 1000} data-testid="try" onClick={() => run("try", async () => setTrial(await cameras.trial(camera.id, draft)))}>
          {busy === "try" ? t("trying") : fill("tryOn", { n: Math.round(taped / 1000) })}
        </button>
        <button disabled={(!thresholds.own && !dirty) || busy !== ""} data-testid="restore" onClick={() => (thresholds.own ? store(() => cameras.untune(camera)) : setDraft(thresholds.defaults))}>{t("restoreDefaults")}</button>
        {done && !dirty && <span className="good" role="status" data-testid="tuned">{t("saved")}</span>}
      </div>
      {problem && <Notice problem={problem} {...(problem.slug === "changed-meanwhile" ? { onRetry: reload } : {})} />}
      {trial && <TrialResult trial={trial} bins={bins} />}
      <p className="quiet">{t("tryHelp")}</p>
    </section>
  );
}

function TrialResult({ trial, bins }: { trial: Trial; bins: Bin[] }) {
  const { t, fill, time } = useI18n();
  const c = compare(trial.present, trial.tried);
  const seconds = Math.round((Date.parse(trial.to) - Date.parse(trial.from)) / 1000);
  return (
    <div className="trial" role="status" data-testid="trial">
      <p>{fill("tryResult", { n: seconds, a: c.before, b: c.after })}{c.gained.length + c.lost.length === 0 && ` ${t("trySame")}`}</p>
      <ul>
        {(["gained", "lost"] as const).flatMap((which) => c[which].map((r) => (
          <li key={`${which}${r.id}`} className={which}>
            <b>{t(which === "gained" ? "tryGained" : ("tryLost" as Word))}</b> {bins.find((b) => b.id === r.bin_id)?.name ?? r.bin_id} <span className="quiet">{time(r.start)}</span>
          </li>
        )))}
      </ul>
    </div>
  );
}
