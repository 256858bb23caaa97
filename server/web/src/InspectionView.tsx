import { useCallback, useEffect, useRef, useState } from "react";
import type { Bin, Evidence, Inspection, Station } from "./api";
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
          <Pictures evidence={i.evidence} />
          {flagged && tax.advice(i.item_class) && <p className="advice" data-testid="advice">{t("advice")}: {tax.advice(i.item_class)}</p>}
          {i.sampled && <p className="quiet">{t("sampled")}</p>}
          <ReviewForm key={i.id} inspection={i} onChanged={changed} />
        </div>
        <div>
          <h3>{t("categories")}</h3>
          {Object.entries(i.categories).sort((a, b) => b[1] - a[1]).map(([id, p]) => (
            <Bar key={id} label={tax.category(id)} share={p} colour={tax.colour(id)} mark={i.accepts.includes(id) ? "✓" : ""} text={percent(p, 1)} />
          ))}
          <h3>{t("classes")}</h3>
          {i.classes.map((c) => (
            <Bar key={c.class} label={tax.itemClass(c.class)} share={c.probability} colour={tax.colour(tax.categoryOf(c.class) ?? "")} text={percent(c.probability, 1)} />
          ))}
          <dl>
            <dt>{t("thrownInto")}</dt>
            <dd>{station?.name ?? i.station_id} · {bin?.name ?? i.bin_id} ({t("accepts")} {list(i.accepts.map((a) => tax.category(a)))})</dd>
            <dt>{t("reason")}</dt>
            <dd>{reason(i.reason)} <span className="quiet">{i.reason} · {i.rule_version}</span></dd>
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

function Pictures({ evidence }: { evidence: Evidence[] }) {
  const { t } = useI18n();
  const [at, setAt] = useState(0);
  const shown = evidence[at];
  if (!shown) return <p className="quiet noPicture">{t("noEvidence")}</p>;
  return (
    <figure>
      {shown.url ? <Picture evidence={shown} url={shown.url} /> : <p className="quiet noPicture">{t("evidenceGone")}</p>}
      {evidence.length > 1 && (
        <div className="strip">
          {evidence.map((e, n) => (
            <button key={e.ordinal} className="plain" aria-pressed={n === at} onClick={() => setAt(n)}>{n + 1}</button>
          ))}
        </div>
      )}
      <figcaption className="code quiet">{t("hash")}: {shown.sha256}</figcaption>
    </figure>
  );
}

function Picture({ evidence: e, url }: { evidence: Evidence; url: string }) {
  const { t } = useI18n();
  return (
    <span className="picture">
      <img src={url} alt={t("evidence")} width={e.width} height={e.height} data-testid="evidence" />
      {e.item && (
        <span
          className="box"
          style={{
            left: `${(100 * e.item.min_x) / e.width}%`, top: `${(100 * e.item.min_y) / e.height}%`,
            width: `${(100 * (e.item.max_x - e.item.min_x)) / e.width}%`, height: `${(100 * (e.item.max_y - e.item.min_y)) / e.height}%`,
          }}
        />
      )}
    </span>
  );
}

function Bar({ label, share, colour, text, mark }: { label: string; share: number; colour: string; text: string; mark?: string }) {
  return (
    <div className="bar">
      <span>{label} {mark}</span>
      <span className="track"><span style={{ width: `${100 * share}%`, background: colour }} /></span>
      <span className="figure">{text}</span>
    </div>
  );
}
