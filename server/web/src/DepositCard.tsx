import { memo } from "react";
import type { Inspection } from "./api";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { useTaxonomy } from "./taxonomy";

/** DepositCard is one deposit at a glance: the picture, what it is, where it
 * belongs, how sure that is. */
export const DepositCard = memo(function DepositCard({ inspection: i, binName, zone, selected, wide, onOpen }: {
  inspection: Inspection;
  binName?: string;
  /** The station's time zone. */
  zone?: string;
  selected?: boolean;
  wide?: boolean;
  onOpen: (id: string) => void;
}) {
  const { t, percent, time } = useI18n();
  const tax = useTaxonomy();
  const picture = i.evidence.find((e) => e.url)?.url;
  const colour = tax.colour(i.category);
  const verdict = t(`verdict_${i.verdict}` as Word);
  const advice = i.verdict === "tell" || i.verdict === "check" ? tax.advice(i.item_class) : "";
  const classes = ["deposit", i.verdict, wide ? "wide" : "", selected ? "selected" : "", i.review ? "done" : ""];
  return (
    <button
      className={classes.join(" ")}
      style={{ "--category": colour } as React.CSSProperties}
      onClick={() => onOpen(i.id)}
      data-testid="deposit"
      data-verdict={i.verdict}
      data-id={i.id}
    >
      <span className="thumb">{picture ? <img src={picture} alt="" loading="lazy" /> : <span className="swatch" aria-hidden="true" />}</span>
      <span className="words">
        <span className="badge">{i.review ? t("reviewed") : verdict}</span>
        {i.prompt && <span className={`prompted ${i.prompt.state}`} data-testid="prompted">{t(`prompt_${i.prompt.state}` as Word)}{i.prompt.removed_at ? ` · ${t("takenOut")}` : ""}</span>}
        <strong>{tax.itemClass(i.item_class)}</strong>
        <span className="to">
          <i aria-hidden="true" /> {tax.category(i.category)} {percent(i.confidence)}
        </span>
        {wide && advice && <span className="advice" data-testid="advice">{advice}</span>}
        <span className="quiet">{wide && binName ? `${t("thrownInto")} ${binName} · ` : ""}{time(i.captured_at, zone)}</span>
      </span>
    </button>
  );
});
