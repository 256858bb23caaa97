import { useCallback, useEffect, useRef, useState } from "react";
import { api, Problem } from "./api";
import type { Bin, Inspection, Station, StationOverview } from "./api";
import { DemoPanel } from "./DemoPanel";
import { DepositCard } from "./DepositCard";
import { InspectionView } from "./InspectionView";
import { Notice } from "./Notice";
import { StationCard } from "./StationCard";
import { useI18n } from "./i18n";
import { follow } from "./live";
import { emptyWall, insert, perBin } from "./wall";
import type { WallState } from "./wall";

/** Place is where a deposit was made, as far as the page knows it. */
interface Place {
  station: Station | undefined;
  bin: Bin | undefined;
}

interface Loaded {
  stations: StationOverview[];
  wall: WallState;
}

/** loadWall asks for the stations and their latest deposits. */
async function loadWall(): Promise<Loaded> {
  const [overview, flagged, appealed] = await Promise.all([
    api.overview(),
    api.inspections({ verdicts: ["tell", "check"], unreviewed: true, limit: 60 }),
    api.inspections({ appealed: true, unreviewed: true, limit: 60 }),
  ]);
  const bins = overview.items.flatMap((s) => s.bins);
  const latest = await Promise.all(bins.map((b) => api.inspections({ bin: b.id, limit: perBin })));
  let wall = emptyWall;
  for (const i of [...flagged.items, ...appealed.items].reverse()) wall = insert(wall, i);
  for (const page of latest) for (const i of page.items) wall = insert(wall, i);
  // A flagged deposit that is older than its bin's latest ones was cut off the
  // bin's column above, as it should be.
  return { stations: overview.items, wall };
}

function useWall(onSignedOut: () => void) {
  const [loaded, setLoaded] = useState<Loaded>();
  const [problem, setProblem] = useState<Problem>();
  const [connected, setConnected] = useState(false);
  const reload = useCallback(() => {
    loadWall().then(
      (l) => {
        setLoaded(l);
        setProblem(undefined);
      },
      (p: unknown) => {
        if (!(p instanceof Problem)) throw p;
        if (p.status === 401) onSignedOut();
        else setProblem(p);
      },
    );
  }, [onSignedOut]);
  const show = useCallback((i: Inspection) => setLoaded((l) => l && { ...l, wall: insert(l.wall, i) }), []);
  useEffect(() => {
    reload();
    const stop = follow({
      inspection: show,
      resync: reload,
      connected: setConnected,
    });
    // The day's counts and the cameras' states are not in the stream.
    const timer = setInterval(() => {
      api.overview().then((o) => setLoaded((l) => l && { ...l, stations: o.items }), () => undefined);
    }, 10_000);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [reload, show]);
  return { loaded, problem, connected, reload, show };
}

export function WallPage({ admin, onSignedOut }: { admin: boolean; onSignedOut: () => void }) {
  const { t } = useI18n();
  const { loaded, problem, connected, reload, show } = useWall(onSignedOut);
  const [openId, setOpenId] = useState<string>();
  const close = useCallback(() => setOpenId(undefined), []);
  if (problem && !loaded) return <Notice problem={problem} onRetry={reload} />;
  if (!loaded) return <p className="quiet">{t("loading")}</p>;
  if (loaded.stations.length === 0) return <NoStations />;
  const opened = (id: string) => {
    setOpenId(id);
    const i = loaded.wall.flagged.find((o) => o.id === id);
    if (admin && i?.prompt?.state === "appealed" && !i.prompt.looked_at) void api.look(id).catch(() => undefined); // only a courtesy
  };
  const all = [...loaded.wall.flagged, ...Object.values(loaded.wall.byBin).flat()];
  const open = all.find((i) => i.id === openId);
  const place = (i: Inspection): Place => {
    const s = loaded.stations.find((o) => o.station.id === i.station_id);
    return { station: s?.station, bin: s?.bins.find((b) => b.id === i.bin_id) };
  };
  return (
    <div className="wall">
      <div className="stations">
        <p className={connected ? "live on" : "live"} data-testid="live">{connected ? t("live") : t("reconnecting")}</p>
        <DemoPanel />
        {loaded.stations.map((s) => (
          <StationCard key={s.station.id} overview={s} byBin={loaded.wall.byBin} onOpen={opened} />
        ))}
      </div>
      <Flagged items={loaded.wall.flagged} openId={openId} onOpen={opened} place={place} />
      {open && <InspectionView inspection={open} bin={place(open).bin} station={place(open).station} onClose={close} onChanged={show} />}
    </div>
  );
}

function Flagged({ items, openId, onOpen, place }: {
  items: Inspection[];
  openId: string | undefined;
  onOpen: (id: string) => void;
  place: (i: Inspection) => Place;
}) {
  const { t } = useI18n();
  const list = useRef<HTMLOListElement>(null);
  const step = (by: number) => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + by))]?.focus();
  };
  return (
    <aside
      className="flagged"
      onKeyDown={(e) => {
        if (e.key === "ArrowDown" || e.key === "j") { step(1); e.preventDefault(); }
        if (e.key === "ArrowUp" || e.key === "k") { step(-1); e.preventDefault(); }
      }}
    >
      <h2>{t("flagged")} <span className="count" data-testid="flagged-count">{items.length}</span></h2>
      {items.length === 0 && <p className="quiet">{t("noneFlagged")}</p>}
      <ol ref={list}>
        {items.map((i) => (
          <li key={i.id}>
            <DepositCard inspection={i} binName={place(i).bin?.name ?? i.bin_id} zone={place(i).station?.time_zone} selected={i.id === openId} wide onOpen={onOpen} />
          </li>
        ))}
      </ol>
      {items.length > 0 && <p className="quiet keys">{t("keys")}</p>}
    </aside>
  );
}

function NoStations() {
  const { t } = useI18n();
  return (
    <section className="panel narrow">
      <h1>{t("noStations")}</h1>
      <p>{t("noStationsHelp")}</p>
      <pre>{`curl -H "Authorization: Bearer $BINSIDE_TOKEN" \\
  -H 'Content-Type: application/json' \\
  -d '{"id":"gate-1","name":"东门投放点"}' \\
  ${location.origin}/api/v1/stations`}</pre>
    </section>
  );
}
