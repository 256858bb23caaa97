import { useCallback, useEffect, useState } from "react";
import { Problem } from "./api";
import { ago, arranged, devices, standing } from "./devices";
import type { Device, DeviceList } from "./devices";
import "./devices.css";
import { IssueToken } from "./IssueToken";
import { Notice } from "./Notice";
import { useI18n } from "./i18n";
import type { Word } from "./i18n";

/** every is the time between two looks. */
const every = 3_000;

/** DevicesPanel lists what is at a station and how it is connected; who may,
 * issues and revokes tokens there. */
export function DevicesPanel({ station, zone, admin }: { station: string; zone: string; admin: boolean }) {
  const { t, fill } = useI18n();
  const [seen, setSeen] = useState<{ list: DeviceList; at: number }>();
  const [problem, setProblem] = useState<Problem>();
  const [said, setSaid] = useState<string>();
  const [issuing, setIssuing] = useState(false);
  const load = useCallback(() => devices.list(station).then(
    (list) => { setSeen({ list, at: Date.now() }); setProblem(undefined); },
    (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
    },
  ), [station]);
  useEffect(() => {
    void load();
    const timer = setInterval(() => void load(), every);
    return () => clearInterval(timer);
  }, [load]);
  if (problem?.status === 403) return null; // a device's own token
  const items = seen ? arranged(seen.list.items, seen.at) : [];
  return (
    <section className="panel" data-testid="devices">
      <header>
        <h2>{t("devices")}</h2>
        {seen && items.length > 0 && <span className="quiet" data-testid="devices-count">{fill("devicesCount", { n: items.length, on: items.filter((d) => d.connected).length })}</span>}
        <span className="spacer" />
        {admin && seen && !issuing && <button data-testid="issue" onClick={() => { setIssuing(true); setSaid(undefined); }}>{t("issue")}</button>}
      </header>
      {!admin && <p className="quiet">{t("devicesReadOnly")}</p>}
      {problem && <Notice problem={problem} onRetry={() => void load()} />}
      {issuing && seen && <IssueToken station={station} mqtt={seen.list.mqtt} onIssued={() => void load()} onDone={() => setIssuing(false)} />}
      {said && <p className="good" role="status" data-testid="revoked">✓ {fill("revoked", { name: said })}</p>}
      {!seen && !problem && <p className="quiet">{t("loading")}</p>}
      {seen && items.length === 0 && <p className="quiet">{t("devicesNone")}</p>}
      <ul className="deviceList">
        {seen && items.map((d) => (
          <DeviceRow
            key={`${d.token?.id ?? ""}/${d.camera_id ?? ""}`} device={d} at={seen.at} zone={zone} admin={admin} station={station}
            onRevoked={() => { setSaid(d.name); return load(); }}
          />
        ))}
      </ul>
    </section>
  );
}

function DeviceRow({ device: d, at, zone, admin, station, onRevoked }: {
  device: Device;
  at: number;
  zone: string;
  admin: boolean;
  station: string;
  onRevoked: () => Promise<void>;
}) {
  const { t } = useI18n();
  const [asking, setAsking] = useState(false);
  const is = standing(d, at);
  const mood = is === "connected" ? "on" : is === "lost" ? "bad" : is !== "trouble" ? "off" : d.connected ? "doubt" : d.trouble === "connecting" ? "wait" : "bad";
  const word = is !== "trouble" ? t(`standing_${is}`) : t(`${d.connected ? "condition" : "camera"}_${d.trouble}` as Word);
  const ended = is === "revoked" || is === "expired";
  return (
    <li data-testid="device" data-kind={d.kind} data-name={d.name} data-standing={is} className={ended ? "ended" : ""}>
      <b className={`pill ${mood}`} data-testid="standing">{word}</b>
      <span className="deviceName">
        {d.camera_id && admin ? <a href={`#/cameras/${d.camera_id}`}>{d.name}</a> : <b>{d.name}</b>}
        <span className="quiet">{t(`device_${d.kind}`)}</span>
      </span>
      <Connection device={d} at={at} zone={zone} />
      <Token device={d} zone={zone} />
      <span className="actions">
        {admin && d.token && !ended && !asking && <button className="danger" data-testid="revoke" onClick={() => setAsking(true)}>{t("revoke")}</button>}
      </span>
      {asking && d.token && !ended && <Revoke device={d} station={station} onClose={() => setAsking(false)} onRevoked={onRevoked} />}
    </li>
  );
}

/** Connection says how, since when and from where. */
function Connection({ device: d, at, zone }: { device: Device; at: number; zone: string }) {
  const { t, fill, time, language } = useI18n();
  const when = d.connected ? d.since : d.seen_at;
  const parts = [
    ...(d.way ? [t(`way_${d.way}`)] : []),
    ...(when ? [fill(d.connected ? "connectedSince" : "lastSeen", { ago: ago(when, at, language) })] : []),
    ...((d.connections ?? 0) > 1 ? [fill("connectionsOf", { n: d.connections ?? 0 })] : []),
    ...(d.connected && d.last_will ? [t("hasWill")] : []),
  ];
  const parting = { goodbye: t("partingGoodbye"), cut: t("partingCut"), stopped: t("partingStopped"), lost: t(d.last_will ? "partingLostWill" : "partingLost") };
  return (
    <span className="quiet" title={when && time(when, zone)} data-testid="connection">
      {parts.join(" · ")}
      {d.address && <>{parts.length > 0 && " · "}<span className="code">{d.address}</span></>}
      {!d.connected && d.parting && <span className={d.parting === "lost" || d.parting === "cut" ? "fault" : ""} data-testid="parting"> · {parting[d.parting]}</span>}
    </span>
  );
}

function Token({ device: d, zone }: { device: Device; zone: string }) {
  const { t, fill, time } = useI18n();
  if (!d.token) return <span className="quiet">{t(d.way === "fetched" ? "tokenNone" : "tokenLacking")}</span>;
  const until = d.token.revoked_at ? fill("tokenRevoked", { at: time(d.token.revoked_at, zone) })
    : d.token.expires_at ? fill("tokenExpires", { at: day(d.token.expires_at, zone) }) : t("tokenForever");
  return (
    <span className="quiet" data-testid="token" title={d.token.id}>
      {fill("tokenOf", { name: d.token.name })} · <span className="code">{d.token.scopes.join(", ")}</span>
      <br />{fill("tokenIssued", { at: day(d.token.created_at, zone) })} · {until}
    </span>
  );
}

/** day is a date at the station, as Sweden writes it: 2026-11-23. */
const day = (iso: string, zone: string) => new Date(iso).toLocaleDateString("sv-SE", { timeZone: zone });

function Revoke({ device: d, station, onClose, onRevoked }: { device: Device; station: string; onClose: () => void; onRevoked: () => Promise<void> }) {
  const { t, fill, list } = useI18n();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const token = d.token;
  if (!token) return null;
  const others = token.scopes.filter((s) => !s.endsWith(`:${station}`) && s !== `camera:${d.camera_id ?? ""}`);
  const revoke = () => {
    setBusy(true);
    devices.revoke(token.id).then(onRevoked).then(onClose, (p: unknown) => {
      if (!(p instanceof Problem)) throw p;
      setProblem(p);
      setBusy(false);
    });
  };
  return (
    <div className="sure" role="alertdialog" aria-label={t("revoke")}>
      <span>{fill("revokeSure", { name: d.name })} {others.length > 0 && fill("revokeOthers", { scopes: list(others) })}</span>
      {problem && <Notice problem={problem} />}
      <span className="line">
        <button className="danger" disabled={busy} data-testid="revoke-sure" onClick={revoke}>{t("revoke")}</button>
        <button autoFocus disabled={busy} onClick={onClose}>{t("cancel")}</button>
      </span>
    </div>
  );
}
