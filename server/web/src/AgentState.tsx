import type { Agent } from "./api";
import { troubles } from "./agent";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";

/** AgentState is one word on the station's agent, beside its cameras'. */
export function AgentState({ agent, zone }: { agent: Agent | undefined; zone: string }) {
  const { t, time } = useI18n();
  if (!agent?.seen_at) return <span className="camera" data-testid="agent">{t("agent")}: {t("agentNever")}</span>;
  const n = agent.report?.backlog.inspections ?? 0;
  return (
    <span className={agent.online ? "camera on" : "camera"} data-testid="agent" title={time(agent.seen_at, zone)}>
      {t("agent")}: {t(agent.online ? "agentOnline" : "agentOffline")}{n > 0 ? ` (${t("agentWaiting").replace("{n}", String(n))})` : ""}
    </span>
  );
}

/** AgentTroubles are the sentences that a person should read. */
export function AgentTroubles({ agent, zone }: { agent: Agent; zone: string }) {
  const { t, time, figure } = useI18n();
  return (
    <>
      {troubles(agent).map((x) => (
        <p key={x.kind} className="warning" role="status" data-testid={`agent-${x.kind}`}>
          {t(`agentTrouble_${x.kind}` as Word)
            .replace("{at}", agent.seen_at ? time(agent.seen_at, zone) : "–")
            .replace("{seconds}", figure(x.seconds ?? 0))
            .replace("{n}", String(x.n ?? 0))
            .replace("{why}", x.why ?? "")}
        </p>
      ))}
    </>
  );
}
