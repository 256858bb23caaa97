import { useCallback, useEffect, useState } from "react";
import { api, Problem } from "./api";
import type { StationOverview } from "./api";
import { AddBin } from "./AddBin";
import { CameraForm } from "./CameraForm";
import { cameras } from "./cameras";
import { CameraStatus, look } from "./CameraStatus";
import type { Seen } from "./CameraStatus";
import "./cameras.css";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { Notice } from "./Notice";

/** every is the time between two looks at the cameras' states. */
const every = 3_000;

export function CamerasPage() {
  const { t } = useI18n();
  const [stations, setStations] = useState<StationOverview[]>();
  const [seen, setSeen] = useState<Record<string, Seen>>({});
  const [problem, setProblem] = useState<Problem>();
  const load = useCallback(() => api.overview().then(
    (o) => {
      const at = Date.now();
      setStations(o.items);
      setSeen((before) => Object.fromEntries(o.items.flatMap((s) => s.cameras).map((c) => [c.id, look(before[c.id], c, at)])));
      setProblem(undefined);
    },
    (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    },
  ), []);
  useEffect(() => {
    void load();
    const timer = setInterval(() => void load(), every);
    return () => clearInterval(timer);
  }, [load]);
  if (!stations) return problem ? <Notice problem={problem} onRetry={() => void load()} /> : <p className="quiet">{t("loading")}</p>;
  return (
    <div className="cameras">
      {problem && <Notice problem={problem} onRetry={() => void load()} />}
      {stations.length === 0 && <p className="panel narrow">{t("noStations")}</p>}
      {stations.map((s) => <StationCameras key={s.station.id} overview={s} seen={seen} onChanged={load} />)}
    </div>
  );
}

function StationCameras({ overview: { station, bins, cameras: list }, seen, onChanged }: {
  overview: StationOverview;
  seen: Record<string, Seen>;
  onChanged: () => Promise<void>;
}) {
  const { t, fill } = useI18n();
  const [adding, setAdding] = useState(false);
  return (
    <section className="panel" data-testid="station-cameras">
      <header className="line">
        <h2>{station.name}</h2>
        <span className="quiet">{station.region_path.split("/").filter(Boolean).join(" › ")}</span>
        <span className="spacer" />
        {!adding && <button className={list.length === 0 ? "primary" : ""} data-testid="add-camera" onClick={() => setAdding(true)}>{t("addCamera")}</button>}
      </header>
      {bins.length === 0 && <AddBin station={station.id} onAdded={onChanged} />}
      {list.length === 0 && !adding && <p className="quiet">{t("noCameras")}</p>}
      {adding && (
        <CameraForm
          onCancel={() => setAdding(false)}
          onSave={async (body) => {
            const made = await cameras.create(station.id, { ...body, regions: [] });
            location.hash = `#/cameras/${made.id}`;
          }}
        />
      )}
      <ul className="cameraList">
        {list.map((c) => (
          <li key={c.id} data-testid="camera" data-id={c.id}>
            <a className="cameraName" href={`#/cameras/${c.id}`}>{c.name}</a>
            <span className="quiet">{t(`kind_${c.kind}` as Word)}{c.url_redacted && <> · <span className="code">{c.url_redacted}</span></>}</span>
            <CameraStatus seen={seen[c.id] ?? { camera: c, at: 0 }} />
            <span className={c.regions.length === 0 ? "fault" : "quiet"}>{c.regions.length === 0 ? t("noRegions") : fill("regionCount", { n: c.regions.length })}</span>
            <span className="actions">
              <a className="button" href={`#/cameras/${c.id}`}>{t("tabRegions")}</a>
              <a className="button" href={`#/cameras/${c.id}/tuning`}>{t("tabTuning")}</a>
              <a className="button" href={`#/cameras/${c.id}/settings`}>{t("tabSettings")}</a>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
