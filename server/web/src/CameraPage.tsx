import { useCallback, useEffect, useReducer, useState } from "react";
import { api, Problem } from "./api";
import type { Bin, Camera, Station } from "./api";
import { CameraForm } from "./CameraForm";
import { cameras, learnable } from "./cameras";
import { CameraStatus, look } from "./CameraStatus";
import type { Seen } from "./CameraStatus";
import "./cameras.css";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { Notice } from "./Notice";
import { RegionsPanel } from "./RegionsPanel";
import { edit, start } from "./regions";
import { TuningPanel } from "./TuningPanel";

/** every is the time between two looks at the camera's state. */
const every = 2_000;

/** learns is how long a camera learns, in milliseconds. */
const learns = 8_000;

interface Place {
  station: Station;
  bins: Bin[];
}

export function CameraPage({ id, tab }: { id: string; tab: string }) {
  const { t } = useI18n();
  const [seen, setSeen] = useState<Seen>();
  const [place, setPlace] = useState<Place>();
  const [problem, setProblem] = useState<Problem>();
  const failed = useCallback((p: unknown) => {
    if (!(p instanceof Problem)) throw p;
    setProblem(p);
  }, []);
  const show = useCallback((camera: Camera) => {
    // An answer that was on its way while something was saved is of before.
    setSeen((before) => before && Date.parse(camera.updated_at) < Date.parse(before.camera.updated_at) ? before : look(before, camera, Date.now()));
    setProblem(undefined);
  }, []);
  const loadPlace = useCallback(
    () => api.overview().then((o) => setPlace(o.items.find((s) => s.cameras.some((c) => c.id === id))), failed), [id, failed]);
  useEffect(() => {
    const load = () => cameras.get(id).then(show, failed);
    void load();
    void loadPlace();
    const timer = setInterval(() => void load(), every);
    return () => clearInterval(timer);
  }, [id, show, failed, loadPlace]);
  if (!seen || !place) return problem ? <Notice problem={problem} onRetry={() => void cameras.get(id).then(show, failed)} /> : <p className="quiet">{t("loading")}</p>;
  return <Loaded seen={seen} place={place} tab={tab} problem={problem} onChanged={show} onBins={loadPlace} />;
}

/** useRegions is the editor's state; it outlives a change of tab. */
function useRegions(camera: Camera) {
  const [editor, step] = useReducer(edit, camera.regions, start);
  // The state in which the regions were loaded: what a save is a change of.
  const [base, setBase] = useState(camera);
  const dirty = JSON.stringify(editor.regions) !== JSON.stringify(base.regions);
  useEffect(() => {
    if (!dirty) return undefined;
    const warn = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);
  // While nothing is drawn, somebody else's change is shown at once; a save
  // that does not touch the regions moves the base on.
  if (base.updated_at !== camera.updated_at && (!dirty || JSON.stringify(base.regions) === JSON.stringify(camera.regions))) {
    setBase(camera);
    if (!dirty) step({ do: "load", regions: camera.regions });
  }
  return { editor, step, base, setBase, dirty };
}

export type RegionsState = ReturnType<typeof useRegions>;

function Loaded({ seen, place, tab, problem, onChanged, onBins }: {
  seen: Seen;
  place: Place;
  tab: string;
  problem: Problem | undefined;
  onChanged: (c: Camera) => void;
  onBins: () => Promise<void>;
}) {
  const { t } = useI18n();
  const { camera } = seen;
  const regions = useRegions(camera);
  return (
    <div className="cameraPage">
      <header className="line">
        <a href="#/cameras">‹ {t("backToCameras")}</a>
        <h1>{camera.name}</h1>
        <span className="quiet">{place.station.name}</span>
        <span className="spacer" />
        <CameraStatus seen={seen} />
      </header>
      {problem && <Notice problem={problem} />}
      <Relearn camera={camera} onChanged={onChanged} />
      <nav className="tabs">
        {["regions", "tuning", "settings"].map((name) => (
          <a key={name} href={`#/cameras/${camera.id}/${name}`} aria-current={tab === name ? "page" : undefined} data-testid={`tab-${name}`}>
            {t(`tab${name.charAt(0).toUpperCase()}${name.slice(1)}` as Word)}{name === "regions" && regions.dirty ? " •" : ""}
          </a>
        ))}
      </nav>
      {tab === "settings" ? <Settings camera={camera} onChanged={onChanged} />
        : tab === "tuning" ? <TuningPanel camera={camera} bins={place.bins} zone={place.station.time_zone} onChanged={onChanged} />
          : <RegionsPanel camera={camera} bins={place.bins} zone={place.station.time_zone} state={regions} onChanged={onChanged} onBins={onBins} />}
    </div>
  );
}

/** Relearn offers a camera whose view is doubted to take it for its usual one. */
function Relearn({ camera, onChanged }: { camera: Camera; onChanged: (c: Camera) => void }) {
  const { t } = useI18n();
  const [step, setStep] = useState<"idle" | "asked" | "done">("idle");
  const [problem, setProblem] = useState<Problem>();
  useEffect(() => {
    if (step !== "done") return undefined;
    const timer = setTimeout(() => setStep("idle"), learns);
    return () => clearTimeout(timer);
  }, [step]);
  const learn = () => {
    setStep("asked");
    setProblem(undefined);
    cameras.learn(camera.id).then(() => { setStep("done"); return cameras.get(camera.id).then(onChanged); }).catch((p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setStep("idle");
      setProblem(p);
    });
  };
  if (step === "done") return <p className="relearn good" role="status">{t("learning")}</p>;
  if (!learnable(camera.state)) return null;
  return (
    <div className="relearn line">
      <span className="quiet">{t("learnWhy")}</span>
      <button data-testid="learn-again" disabled={step === "asked"} onClick={learn}>{t(step === "asked" ? "learnAsked" : "learnAgain")}</button>
      {problem?.slug === "agent-away" && <p className="notice" role="alert">{t("learnAway")}</p>}
      {problem && problem.slug !== "agent-away" && <Notice problem={problem} />}
    </div>
  );
}

function Settings({ camera, onChanged }: { camera: Camera; onChanged: (c: Camera) => void }) {
  const { t, fill } = useI18n();
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const remove = () => {
    cameras.remove(camera).then(() => { location.hash = "#/cameras"; }, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    });
  };
  return (
    <section className="panel">
      <CameraForm camera={camera} onSave={async (body) => onChanged(await cameras.change(camera, body))} />
      <hr />
      {problem && <Notice problem={problem} />}
      {!asking && <button className="danger" data-testid="remove-camera" onClick={() => setAsking(true)}>{t("removeCamera")}</button>}
      {asking && (
        <div className="line" role="alertdialog" aria-label={t("removeCamera")}>
          <span>{fill("removeSure", { name: camera.name })}</span>
          <button className="danger" data-testid="remove-sure" onClick={remove}>{t("remove")}</button>
          <button autoFocus onClick={() => setAsking(false)}>{t("cancel")}</button>
        </div>
      )}
    </section>
  );
}
