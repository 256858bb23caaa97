import { useEffect, useState } from "react";
import { api } from "./api";
import type { Demonstration, Share } from "./api";
import { useI18n } from "./i18n";
import { useTaxonomy } from "./taxonomy";

/** DemoPanel draws how well the demonstration station does against its own
 * truth; a service without a demonstration shows nothing. */
export function DemoPanel() {
  const { t, list } = useI18n();
  const tax = useTaxonomy();
  const [demo, setDemo] = useState<Demonstration>();
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = () => {
      api.demonstration().then(
        (d) => {
          if (gone) return;
          setDemo(d);
          timer = setTimeout(ask, 3000);
        },
        () => undefined, // 404: there is none
      );
    };
    ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  if (!demo) return null;
  const s = demo.score;
  return (
    <section className="panel demo" data-testid="demo">
      <h2>{t("demo")}</h2>
      <p className="quiet">{t("demoAbout")}</p>
      <div className="shares">
        <ShareBar label={t("tellPrecision")} share={s.tell_precision} good />
        <ShareBar label={t("misdepositRecall")} share={s.misdeposit_recall} good />
        <ShareBar label={t("falseTell")} share={s.false_tell} />
        <p>
          {t("demoEvents")} <b>{s.events}</b>/{s.deposits}, {t("demoMissed")} <b>{s.missed}</b>, {t("demoFalse")} <b>{s.false_events}</b>
        </p>
      </div>
      <p className="quiet">
        {t("demoJudged")}: {list(demo.judged.map((j) => `${tax.category(j.category)} n=${j.n}`))}
        {demo.not_judged.length > 0 && <> · {t("demoNot")}: {list(demo.not_judged.map((c) => tax.category(c)))}</>}
      </p>
    </section>
  );
}

/** ShareBar draws a share with its 95% interval. */
function ShareBar({ label, share, good }: { label: string; share: Share; good?: boolean }) {
  const { t, percent } = useI18n();
  return (
    <div className={good ? "sharebar good" : "sharebar"}>
      <span>{label}</span>
      <span className="track">
        {share.n > 0 && (
          <>
            <span className="value" style={{ width: `${100 * share.value}%` }} />
            <span className="interval" style={{ left: `${100 * share.low}%`, width: `${100 * (share.high - share.low)}%` }} />
          </>
        )}
      </span>
      <span className="figure">
        {share.n > 0 ? `${percent(share.value)} [${percent(share.low)}–${percent(share.high)}] n=${share.n}` : t("noData")}
      </span>
    </div>
  );
}
