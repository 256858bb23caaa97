import type { Bin, Camera, Inspection, StationOverview, Verdict } from "./api";
import { AgentState, AgentTroubles } from "./AgentState";
import { BoundView } from "./BoundView";
import { DepositCard } from "./DepositCard";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";
import { path } from "./screen";
import { useTaxonomy } from "./taxonomy";

const verdicts: Verdict[] = ["tell", "check", "unreadable", "pass"];

export function StationCard({ overview, byBin, onOpen }: {
  overview: StationOverview;
  byBin: Record<string, Inspection[]>;
  onOpen: (id: string) => void;
}) {
  const { t } = useI18n();
  const { station, bins, cameras, today, agent } = overview;
  return (
    <section className="panel station" data-testid="station">
      <header>
        <h2>{station.name}</h2>
        <span className="quiet">{station.region_path.split("/").filter(Boolean).join(" › ")}</span>
        {station.agent && <AgentState agent={agent} zone={station.time_zone} />}
        {cameras.map((c) => <CameraState key={c.id} camera={c} />)}
        <a href={path(station.id)} target="_blank" rel="noreferrer">{t("screenOf")}</a>
        <a href={`#/stations/${station.id}`} data-testid="station-page">{t("stationPage")}</a>
      </header>
      {agent && <AgentTroubles agent={agent} zone={station.time_zone} />}
      <NotTelling overview={overview} />
      <div className="today">
        <span>{t("today")} <b>{today.total}</b> {t("deposits")}, <b>{today.unreviewed}</b> {t("toReview")}</span>
        <span className="share" role="img" aria-label={verdicts.map((v) => `${t(`verdict_${v}` as Word)} ${today.verdicts[v]}`).join(", ")}>
          {verdicts.map((v) => today.verdicts[v] > 0 && (
            <span key={v} className={v} style={{ flexGrow: today.verdicts[v] }} title={`${t(`verdict_${v}` as Word)} ${today.verdicts[v]}`} />
          ))}
        </span>
        <span className="legend">
          {verdicts.map((v) => <span key={v} className={v}>{t(`verdict_${v}` as Word)} {today.verdicts[v]}</span>)}
        </span>
      </div>
      {bins.length === 0 && <p className="quiet">{t("noBins")}</p>}
      <div className="bins">
        {bins.map((b) => <BinColumn key={b.id} bin={b} zone={station.time_zone} deposits={byBin[b.id] ?? []} onOpen={onOpen} />)}
      </div>
    </section>
  );
}

function BinColumn({ bin, zone, deposits, onOpen }: { bin: Bin; zone: string; deposits: Inspection[]; onOpen: (id: string) => void }) {
  const { t, list } = useI18n();
  const tax = useTaxonomy();
  return (
    <div className="bin" style={{ "--category": tax.colour(bin.accepts[0] ?? "") } as React.CSSProperties}>
      <h3>{bin.name}</h3>
      <p className="quiet">{t("accepts")} {list(bin.accepts.map((a) => tax.category(a)))}</p>
      {(bin.unknown_categories ?? []).length > 0 && <p className="warning" data-testid="bin-outside">{t("binOutside")}: {list(bin.unknown_categories ?? [])}</p>}
      <BoundView bin={bin} />
      {deposits.length === 0 && <p className="quiet empty">{t("noDeposits")}</p>}
      {deposits.map((i) => <DepositCard key={i.id} inspection={i} zone={zone} onOpen={onOpen} />)}
    </div>
  );
}

/** NotTelling says which cameras cannot be believed, and at which bins nobody is
 * told for that. */
function NotTelling({ overview }: { overview: StationOverview }) {
  const { t, list, time } = useI18n();
  const { cameras, bins, silent, station: { time_zone: zone } } = overview;
  const doubted = cameras.filter((c) => c.state.condition);
  if (doubted.length === 0) return null;
  const what = doubted.map((c) => `${c.name} ${t(`condition_${c.state.condition}` as Word)}${c.state.condition_since ? ` (${time(c.state.condition_since, zone)})` : ""}`);
  const names = bins.filter((b) => silent.some((s) => s.bin_id === b.id)).map((b) => b.name);
  const words = names.length === 0 ? "notTellingNone" : names.length < bins.length ? "notTellingAt" : "notTellingAll";
  return <p className="warning" role="status" data-testid="not-telling">{t(words).replace("{what}", list(what)).replace("{bins}", list(names))}</p>;
}

function CameraState({ camera }: { camera: Camera }) {
  const { t, failure } = useI18n();
  const s = camera.state;
  const fine = s.status === "streaming" && !s.condition;
  return (
    <span className={fine ? "camera on" : "camera"} title={failure(s) ?? ""}>
      {t("camera")} {camera.name}: {s.condition && s.status === "streaming" ? t(`condition_${s.condition}` as Word) : t(`camera_${s.status}` as Word)}{s.dropped > 0 ? ` (−${s.dropped}/${s.frames})` : ""}
    </span>
  );
}
