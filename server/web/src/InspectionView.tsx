import { useCallback, useEffect, useRef, useState } from "react";
import type { Bin, Evidence, Inspection, Station } from "./api";
import { Bar } from "./Bar";
import { ExplanationPanel, HeatControls, within } from "./ExplanationPanel";
import type { Heat } from "./ExplanationPanel";
import { ReviewForm } from "./ReviewForm";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { useTaxonomy } from "./taxonomy";

/** InspectionView shows everything that is known of one deposit, and takes a
 * person's decision. */
export function InspectionView({ inspection: i, bin, station, onClose, onChanged }: {
  inspection: Inspection;
  bin: Bin | undefined;
  station: Station | undefined;
  onClose: () => void;
  onChanged: (i: Inspection) => void;
}) {
  const { t, list, percent, time, reason } = useI18n();
  const tax = useTaxonomy();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const d = dialog.current;
    if (d && !d.open) d.showModal();
  }, []);
  const [why, setWhy] = useState(false);
  const [heat, setHeat] = useState<Heat>();
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.target instanceof HTMLSelectElement) return;
      if (e.key.toLowerCase() === "w") setWhy((open) => !open);
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, []);
  const changed = useCallback((n: Inspection) => onChanged(n), [onChanged]);
  const flagged = i.verdict === "tell" || i.verdict === "check";
  const took = new Date(i.decided_at).getTime() - new Date(i.received_at).getTime();
  return (
    <dialog ref={dialog} className="inspection" onClose={onClose} onClick={(e) => e.target === dialog.current && onClose()} data-testid="inspection">
      <header>
        <span className={`badge ${i.verdict}`}>{t(`verdict_${i.verdict}` as Word)}</span>
        <h2>{tax.itemClass(i.item_class)} → {tax.category(i.category)}</h2>
        <button className="plain" onClick={onClose} aria-label={t("close")}>✕</button>
      </header>
      <div className="columns">
        <div>
          <Pictures evidence={i.evidence} heat={heat} />
          {flagged && tax.advice(i.item_class) && <p className="advice" data-testid="advice">{t("advice")}: {tax.advice(i.item_class)}</p>}
          {i.sampled && <p className="quiet">{t("sampled")}</p>}
          <ReviewForm key={i.id} inspection={i} onChanged={changed} />
        </div>
        <div>
          <h3>{t("categories")}</h3>
          {Object.entries(i.categories).sort((a, b) => b[1] - a[1]).map(([id, p]) => (
            <Bar key={id} label={tax.category(id)} share={p} colour={tax.colour(id)} mark={i.accepts.includes(id) ? "✓" : ""} text={percent(p, 1)} />
          ))}
          <h3>
            <button className="why" aria-expanded={why} onClick={() => setWhy(!why)} data-testid="why">{t("why")} (W)</button>
          </h3>
          {why && <ExplanationPanel key={i.id} id={i.id} onHeat={setHeat} />}
          <dl>
            <dt>{t("thrownInto")}</dt>
            <dd>{station?.name ?? i.station_id} · {bin?.name ?? i.bin_id} ({t("accepts")} {list(i.accepts.map((a) => tax.category(a)))})</dd>
            <dt>{t("reason")}</dt>
            <dd>{reason(i.reason)} <span className="quiet">{i.reason} · {i.rule_version}</span></dd>
            {i.prompt && <><dt>{t("promptEnded")}</dt><dd>{t(`prompt_${i.prompt.state}` as Word)}{i.prompt.means ? ` (${t(`means_${i.prompt.means}` as Word)})` : ""}{i.prompt.removed_at ? ` · ${t("takenOut")}` : ""}{i.prompt.receipt ? ` · ${t("receipt")} ${i.prompt.receipt}` : ""}{i.prompt.looked_at ? ` · ${t("lookedAt")}` : ""}</dd></>}
            <dt>{t("capturedAt")}</dt>
            <dd>{time(i.captured_at, station?.time_zone)}</dd>
            <dt>{t("decidedIn")}</dt>
            <dd>{Math.max(0, took)} ms</dd>
            <dt>{t("model")}</dt>
            <dd>{i.model_version}</dd>
            <dt>{t("taxonomy")}</dt>
            <dd>{i.taxonomy_version}{i.taxonomy_version !== tax.taxonomy.ref && <span className="quiet"> · {t("inForce")} {tax.taxonomy.ref}</span>}</dd>
            <dt>ID</dt>
            <dd className="code">{i.id}</dd>
          </dl>
        </div>
      </div>
    </dialog>
  );
}

function Pictures({ evidence, heat }: { evidence: Evidence[]; heat: Heat | undefined }) {
  const { t } = useI18n();
  const [at, setAt] = useState(0);
  const [shown, setShown] = useState(true);
  const [opacity, setOpacity] = useState(0.8);
  const picture = evidence[at];
  if (!picture) return <p className="quiet noPicture">{t("noEvidence")}</p>;
  const here = heat?.map.image === picture.ordinal ? heat : undefined;
  return (
    <figure>
      {picture.url
        ? <Picture evidence={picture} url={picture.url} heat={shown ? here : undefined} opacity={opacity} />
        : <p className="quiet noPicture">{t("evidenceGone")}</p>}
      {here && <HeatControls category={here.map.category ?? ""} shown={shown} onShown={setShown} opacity={opacity} onOpacity={setOpacity} />}
      {evidence.length > 1 && (
        <div className="strip">
          {evidence.map((e, n) => (
            <button key={e.ordinal} className="plain" aria-pressed={n === at} onClick={() => setAt(n)}>{n + 1}</button>
          ))}
        </div>
      )}
      <figcaption className="code quiet">{t("hash")}: {picture.sha256}</figcaption>
    </figure>
  );
}

function Picture({ evidence: e, url, heat, opacity }: { evidence: Evidence; url: string; heat: Heat | undefined; opacity: number }) {
  const { t } = useI18n();
  const { box, strongest } = heat?.map ?? {};
  return (
    <span className="picture">
      <img src={url} alt={t("evidence")} width={e.width} height={e.height} data-testid="evidence" />
      {heat && box && <img className="heat" src={heat.url} alt={t("heatMap")} style={{ ...within(box, e), opacity }} data-testid="heat" />}
      {heat && strongest && <span className="strongest" style={within(strongest.box, e)} />}
      {e.item && <span className="box" style={within(e.item, e)} />}
    </span>
  );
}
