import type { Bin } from "./api";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";

/** BoundView shows what a bin's verdicts rest on: how often a resident who was
 * right is told otherwise at most, how that is known, and what it costs. */
export function BoundView({ bin: { settings, bound } }: { bin: Bin }) {
  const { t, percent } = useI18n();
  const fine = (share: number) => percent(share, 1);
  const shares = bound.shares;
  const limits = [
    settings.tell > 0.5 ? `${t("tellLimit")} ${percent(settings.tell, 0)}` : "",
    settings.pass > 0 ? `${t("passLimit")} ${percent(settings.pass, 0)}` : "",
  ].filter(Boolean);
  return (
    <details className="bound" data-testid="bound">
      <summary>
        {bound.tell_at > 0 ? <>{t("falseTellBound")} ≤ <b>{fine(bound.alpha)}</b></> : <b>{t("neverTold")}</b>}
        {shares.n > 0 && <> · {t("toAPerson")} <b>{percent(shares.check)}</b></>}
      </summary>
      <p>
        {bound.tell_at > 0
          ? t("boundHolds").replace("{confidence}", percent(bound.confidence)).replace("{alpha}", fine(bound.alpha))
          : t("boundMissing")}
      </p>
      <dl>
        <dt>{t("boundLevel")}</dt>
        <dd>{t(`level_${bound.level}` as Word)}{bound.tightened ? ` (${t("tightened")})` : ""}</dd>
        <dt>{t("examples")}</dt>
        <dd>{bound.n}</dd>
        {bound.tell_at > 0 && (
          <>
            <dt>{t("toldOfThem")}</dt>
            <dd>{bound.told} ({t("upperBound")} {percent(bound.upper, 2)})</dd>
            <dt>{t("tellAt")}</dt>
            <dd>{bound.tell_at.toFixed(2)}</dd>
          </>
        )}
        {limits.length > 0 && (
          <>
            <dt>{t("ownLimits")}</dt>
            <dd>{limits.join(", ")}</dd>
          </>
        )}
      </dl>
      {shares.n > 0 && (
        <table>
          <caption>{t("sharesOf").replace("{n}", String(shares.n))}</caption>
          <thead>
            <tr><td /><th scope="col">{t("sortedRight")}</th><th scope="col">{t("sortedWrong")}</th></tr>
          </thead>
          <tbody>
            <tr className="tell"><th scope="row">{t("verdict_tell")}</th><td>{fine(shares.tell_of_right)}</td><td>{fine(shares.tell_of_wrong)}</td></tr>
            <tr className="check"><th scope="row">{t("verdict_check")}</th><td>{fine(shares.check_of_right)}</td><td>{fine(shares.check_of_wrong)}</td></tr>
            <tr className="pass">
              <th scope="row">{t("verdict_pass")}</th>
              <td>{fine(1 - shares.tell_of_right - shares.check_of_right)}</td>
              <td>{fine(shares.pass_of_wrong)}</td>
            </tr>
          </tbody>
        </table>
      )}
    </details>
  );
}
