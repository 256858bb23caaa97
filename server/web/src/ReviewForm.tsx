import { useCallback, useEffect, useState } from "react";
import { api, Problem } from "./api";
import type { Inspection } from "./api";
import { Notice } from "./Notice";
import { useI18n } from "./i18n";
import { useTaxonomy } from "./taxonomy";

type Body = { decision: "confirmed" } | { decision: "relabelled"; category?: string; item_class?: string };

/** ReviewForm confirms a deposit's category or gives it another: by mouse, or
 * with C and the digits. */
export function ReviewForm({ inspection: i, onChanged }: { inspection: Inspection; onChanged: (i: Inspection) => void }) {
  const { t, time } = useI18n();
  const tax = useTaxonomy();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const send = useCallback(
    (body: Body) => {
      setBusy(true);
      setProblem(undefined);
      api.review(i.id, body).then(onChanged, (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        setProblem(p);
      }).finally(() => setBusy(false));
    },
    [i.id, onChanged],
  );
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      if (busy || e.ctrlKey || e.metaKey || e.altKey || e.target instanceof HTMLSelectElement) return;
      if (e.key.toLowerCase() === "c") send({ decision: "confirmed" });
      const category = tax.taxonomy.categories[Number(e.key) - 1];
      if (category) send({ decision: "relabelled", category: category.id });
    };
    addEventListener("keydown", key);
    return () => removeEventListener("keydown", key);
  }, [busy, send, tax]);
  return (
    <section className="review">
      <h3>{t("decide")}</h3>
      {i.review && (
        <p className="decided" data-testid="review">
          ✓ {tax.category(i.review.category)}{i.review.item_class ? ` · ${tax.itemClass(i.review.item_class)}` : ""}
          <span className="quiet"> {t("decidedBy")} {i.review.by}, {time(i.review.at)}</span>
        </p>
      )}
      {problem && <Notice problem={problem} />}
      <div className="choices">
        <button disabled={busy} onClick={() => send({ decision: "confirmed" })} data-testid="confirm">{t("confirm")} (C)</button>
        {tax.taxonomy.categories.map((c, n) => (
          <button
            key={c.id}
            disabled={busy}
            className="category"
            style={{ "--category": c.colour.hex } as React.CSSProperties}
            onClick={() => send({ decision: "relabelled", category: c.id })}
            data-testid={`relabel-${c.id}`}
          >
            {tax.category(c.id)} ({n + 1})
          </button>
        ))}
      </div>
      <label>
        {t("orClass")}{" "}
        <ClassSelect disabled={busy} value="" onChange={(c) => c && send({ decision: "relabelled", item_class: c })} />
      </label>
    </section>
  );
}

/** ClassSelect offers every item class, grouped by category. */
export function ClassSelect({ value, disabled, onChange }: { value: string; disabled?: boolean; onChange: (itemClass: string) => void }) {
  const { t } = useI18n();
  const tax = useTaxonomy();
  return (
    <select value={value} disabled={disabled} onChange={(e) => onChange(e.target.value)} data-testid="item-class">
      <option value="">{t("choose")}…</option>
      {tax.taxonomy.categories.map((c) => (
        <optgroup key={c.id} label={tax.category(c.id)}>
          {tax.taxonomy.classes.filter((k) => k.category === c.id).map((k) => <option key={k.id} value={k.id}>{tax.itemClass(k.id)}</option>)}
        </optgroup>
      ))}
    </select>
  );
}
