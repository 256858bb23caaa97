import type { Problem } from "./api";
import { useI18n } from "./i18n";

/** Notice says what went wrong and what to do. */
export function Notice({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const i18n = useI18n();
  return (
    <div className="notice" role="alert">
      <p>{i18n.problem(problem)}</p>
      {onRetry && <button onClick={onRetry}>{i18n.t("retry")}</button>}
    </div>
  );
}
