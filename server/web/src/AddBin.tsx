import { useState } from "react";
import { Problem } from "./api";
import { cameras } from "./cameras";
import { useI18n } from "./i18n";
import { Notice } from "./Notice";
import { useTaxonomy } from "./taxonomy";

/** AddBin makes a first bin, where a station has none to draw. */
export function AddBin({ station, onAdded }: { station: string; onAdded: () => Promise<void> | void }) {
  const { t } = useI18n();
  const tax = useTaxonomy();
  const choices = tax.taxonomy.categories.filter((c) => !c.no_bin);
  const [name, setName] = useState("");
  const [category, setCategory] = useState("");
  const [problem, setProblem] = useState<Problem>();
  const add = () => {
    cameras.addBin(station, name.trim(), [category]).then(onAdded, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    });
  };
  return (
    <form className="addBin" onSubmit={(e) => { e.preventDefault(); add(); }}>
      <p>{t("noBinsHere")}</p>
      <label>{t("binName")}<input value={name} maxLength={200} required onChange={(e) => setName(e.target.value)} /></label>
      <label>{t("binAccepts")}
        <select value={category} required onChange={(e) => setCategory(e.target.value)}>
          <option value="">{t("choose")}…</option>
          {choices.map((c) => <option key={c.id} value={c.id}>{tax.category(c.id)}</option>)}
        </select>
      </label>
      <button className="primary">{t("addBin")}</button>
      {problem && <Notice problem={problem} />}
    </form>
  );
}
