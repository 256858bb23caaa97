import { useEffect, useState } from "react";
import { api, Problem } from "./api";
import type { Receipt } from "./api";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import "./receipt.css";

/** codeOf reads "/receipt", "/receipt/CODE", "#/receipt" or "#/receipt/CODE";
 * undefined: this is another page. */
export function codeOf(pathname: string, hash: string): string | undefined {
  const found = /^\/receipt(?:\/(.*))?$/.exec(pathname) ?? /^#\/receipt(?:\/(.*))?$/.exec(hash);
  return found ? decodeURIComponent(found[1] ?? "") : undefined;
}

/** tidy writes what a person types as a code: four and four, capitals. */
export function tidy(text: string): string {
  const plain = text.toUpperCase().replace(/[^0-9A-Z]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1").slice(0, 8);
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

/** ReceiptPage is for a resident with a phone: no account, no picture. */
export function ReceiptPage({ asked }: { asked: string }) {
  const { t, problem: say, toggle, language } = useI18n();
  const [code, setCode] = useState(tidy(asked));
  const [receipt, setReceipt] = useState<Receipt>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);
  const ask = (what: string) => {
    setBusy(true);
    setProblem(undefined);
    api.receipt(what).then(setReceipt, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    }).finally(() => setBusy(false));
  };
  useEffect(() => {
    document.title = t("receiptTitle");
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [t, language]);
  useEffect(() => {
    const first = tidy(asked);
    if (first.length === 9) api.receipt(first).then(setReceipt, (p: unknown) => p instanceof Problem && setProblem(p));
  }, [asked]);
  return (
    <div className="receipt-page">
      <header><b>{t("product")}</b><button className="plain" onClick={toggle}>{t("language")}</button></header>
      <main>
        <h1>{t("receiptTitle")}</h1>
        {!receipt && (
          <form onSubmit={(e) => { e.preventDefault(); ask(code); }}>
            <p>{t("receiptHelp")}</p>
            <label>
              <span>{t("receiptCode")}</span>
              <input
                value={code} onChange={(e) => setCode(tidy(e.target.value))} placeholder="7K4M-92TX" autoCapitalize="characters" autoComplete="off"
                autoCorrect="off" spellCheck={false} inputMode="text" maxLength={12} autoFocus data-testid="receipt-code"
              />
            </label>
            {problem && <p className="receipt-problem" role="alert" data-testid="receipt-problem">{say(problem)}</p>}
            <button className="primary" disabled={busy || code.length !== 9} data-testid="receipt-ask">{t("receiptAsk")}</button>
          </form>
        )}
        {receipt && <Answer receipt={receipt} onAnother={() => { setReceipt(undefined); setCode(""); }} />}
      </main>
    </div>
  );
}

const states: Receipt["state"][] = ["received", "looking", "decided"];

function Answer({ receipt: r, onAnother }: { receipt: Receipt; onAnother: () => void }) {
  const { t, text, time } = useI18n();
  const at = states.indexOf(r.state);
  return (
    <section data-testid="receipt-answer" data-state={r.state} data-outcome={r.outcome}>
      <p className="receipt-big">{r.receipt}</p>
      <ol className="receipt-steps">
        {states.map((s, n) => <li key={s} className={n <= at ? "past" : ""} aria-current={n === at ? "step" : undefined}>{t(`receipt_${s}` as Word)}</li>)}
      </ol>
      {r.state === "decided"
        ? <p className={`receipt-outcome ${r.outcome}`}>{r.outcome === "upheld" ? t("receiptUpheld") : t("receiptConfirmed")}</p>
        : <p className="receipt-outcome">{t("receiptWait")}</p>}
      <dl>
        <dt>{t("receiptStation")}</dt><dd>{r.station}</dd>
        <dt>{t("receiptWhen")}</dt><dd>{time(r.appealed_at, r.time_zone)}</dd>
        <dt>{t("receiptTold")}</dt><dd><i style={{ background: r.told.colour }} aria-hidden="true" /> {text(r.told.name, r.told.id)}</dd>
        {r.decided_at && <>
          <dt>{t("receiptBelongs")}</dt><dd><i style={{ background: r.belongs.colour }} aria-hidden="true" /> {text(r.belongs.name, r.belongs.id)}</dd>
          <dt>{t("receiptDecidedAt")}</dt><dd>{time(r.decided_at, r.time_zone)}</dd>
        </>}
      </dl>
      <button onClick={onAnother}>{t("receiptAnother")}</button>
    </section>
  );
}
