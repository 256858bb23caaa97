import { useState } from "react";
import { AddBin } from "./AddBin";
import { Problem } from "./api";
import type { Bin, Camera } from "./api";
import type { RegionsState } from "./CameraPage";
import { cameras } from "./cameras";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { Notice } from "./Notice";
import { RegionCanvas } from "./RegionCanvas";
import { regionOf } from "./regions";
import { useTaxonomy } from "./taxonomy";
import { useSnapshot } from "./useSnapshot";

type Outcome = { state: "idle" | "saving" | "saved" } | { state: "failed"; problem: Problem };

/** useSaving stores the regions, and minds that somebody else may have changed
 * the camera since they were loaded. */
function useSaving({ editor, step, base, setBase }: RegionsState, onChanged: (c: Camera) => void) {
  const [outcome, setOutcome] = useState<Outcome>({ state: "idle" });
  const failed = (p: unknown) => {
    if (!(p instanceof Problem)) throw p;
    setOutcome({ state: "failed", problem: p });
  };
  const stored = (c: Camera) => {
    setBase(c);
    step({ do: "load", regions: c.regions });
    onChanged(c);
  };
  const saveOver = (c: Camera) => {
    setOutcome({ state: "saving" });
    return cameras.change(c, { regions: editor.regions }).then((now) => {
      stored(now);
      setOutcome({ state: "saved" });
    }, failed);
  };
  return {
    outcome,
    touched: () => setOutcome({ state: "idle" }),
    save: () => saveOver(base),
    /** overwrite saves over what somebody else has saved. */
    overwrite: () => cameras.get(base.id).then(saveOver, failed),
    /** yield drops what was drawn for what somebody else has saved. */
    giveWay: () => cameras.get(base.id).then((c) => {
      stored(c);
      setOutcome({ state: "idle" });
    }, failed),
  };
}

export function RegionsPanel({ camera, bins, zone, state, onChanged, onBins }: {
  camera: Camera;
  bins: Bin[];
  zone: string;
  state: RegionsState;
  onChanged: (c: Camera) => void;
  onBins: () => Promise<void>;
}) {
  const i18n = useI18n();
  const { t, time } = i18n;
  const snapshot = useSnapshot(camera.id);
  const saving = useSaving(state, onChanged);
  const { editor, dirty } = state;
  const step: RegionsState["step"] = (s) => {
    if (s.do !== "select") saving.touched();
    state.step(s);
  };
  if (bins.length === 0) return <section className="panel"><AddBin station={camera.station_id} onAdded={onBins} /></section>;
  const { outcome } = saving;
  const changed = outcome.state === "failed" && outcome.problem.slug === "changed-meanwhile";
  return (
    <div className="editor">
      <section className="panel view">
        <RegionCanvas editor={editor} step={step} bins={bins} snapshot={snapshot} />
        <div className="line">
          <button onClick={snapshot.refresh}>{t("refresh")}</button>
          <span className="quiet">{snapshot.at ? i18n.fill("snapshotAge", { time: time(snapshot.at, zone) }) : snapshot.problem ? "" : t("snapshotWait")}</span>
        </div>
        {snapshot.problem && <Notice problem={snapshot.problem} onRetry={snapshot.refresh} />}
      </section>
      <section className="panel side">
        <BinList editor={editor} step={step} bins={bins} />
        <Tools editor={editor} step={step} bins={bins} />
        {editor.refused && <p className="warning" role="alert" data-testid="refused">{t(`fault_${editor.refused}` as Word)}</p>}
        <div className="line save">
          <button className="primary" disabled={!dirty || editor.drawn.length > 0 || outcome.state === "saving"} onClick={() => void saving.save()} data-testid="save-regions">
            {outcome.state === "saving" ? t("saving") : t("save")}
          </button>
          {outcome.state === "saved" && !dirty && <span className="good" role="status" data-testid="saved">{t("saved")}</span>}
          {dirty && outcome.state !== "failed" && <span className="quiet">{t("unsaved")}</span>}
        </div>
        {outcome.state === "failed" && <Notice problem={outcome.problem} />}
        {changed && (
          <div className="line" data-testid="conflict">
            <button onClick={() => void saving.giveWay()}>{t("loadTheirs")}</button>
            <button onClick={() => void saving.overwrite()}>{t("keepMine")}</button>
          </div>
        )}
      </section>
    </div>
  );
}

type EditProps = Pick<RegionsState, "editor" | "step"> & { bins: Bin[] };

function BinList({ editor, step, bins }: EditProps) {
  const { t } = useI18n();
  const tax = useTaxonomy();
  return (
    <>
      <h2>{t("binsToDraw")}</h2>
      <ul className="binList">
        {bins.map((b) => {
          const drawn = editor.regions.some((r) => r.bin_id === b.id);
          return (
            <li key={b.id}>
              <button
                aria-pressed={editor.bin === b.id} data-testid="bin" data-id={b.id} onClick={() => step({ do: "select", bin: b.id })}
                style={{ "--category": tax.colour(b.accepts[0] ?? "") } as React.CSSProperties}
              >
                <i /><span>{b.name}</span><span className="quiet">{drawn ? t("drawn") : t("notDrawn")}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </>
  );
}

function Tools({ editor, step, bins }: EditProps) {
  const { t, fill } = useI18n();
  const region = regionOf(editor);
  const name = bins.find((b) => b.id === editor.bin)?.name ?? "";
  return (
    <>
      <p className="quiet hint">{!editor.bin ? t("pickBin") : region ? t("editHint") : fill("drawHint", { bin: name })}</p>
      <div className="tools">
        <button disabled={editor.past.length === 0} onClick={() => step({ do: "undo" })} data-testid="undo">↶ {t("undo")}</button>
        <button disabled={editor.future.length === 0} onClick={() => step({ do: "redo" })}>↷ {t("redo")}</button>
        {editor.bin && !region && (
          <>
            <button disabled={editor.drawn.length < 3} onClick={() => step({ do: "close" })} data-testid="finish">{t("finish")}</button>
            {editor.drawn.length === 0 && <button onClick={() => step({ do: "rectangle" })} data-testid="rectangle">{t("asRectangle")}</button>}
          </>
        )}
        {region && (
          <>
            <button disabled={editor.corner === undefined} onClick={() => editor.corner !== undefined && step({ do: "removeCorner", corner: editor.corner })} data-testid="remove-corner">{t("removeCorner")}</button>
            <button onClick={() => step({ do: "removeRegion" })} data-testid="remove-region">{t("removeRegion")}</button>
          </>
        )}
      </div>
    </>
  );
}
