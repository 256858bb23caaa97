// What is at a station: its cameras, and whoever holds a token for it.

import { call } from "./api";
import type { Camera } from "./api";

export type DeviceKind = "camera" | "screen" | "agent" | "station" | "listener" | "light" | "speaker" | "lock" | "other";

export interface DeviceToken {
  id: string;
  name: string;
  scopes: string[];
  created_at: string;
  expires_at?: string;
  revoked_at?: string;
}

export interface Device {
  kind: DeviceKind;
  camera_id?: string;
  name: string;
  /** Absent for a camera from which the service itself fetches. */
  token?: DeviceToken;
  way?: "mqtt" | "http" | "fetched";
  connected: boolean;
  since?: string;
  seen_at?: string;
  connections?: number;
  address?: string;
  last_will?: boolean;
  /** How its last MQTT connection ended. */
  parting?: "goodbye" | "lost" | "cut" | "stopped";
  /** A camera's state or condition, where it is not well. */
  trouble?: string;
}

/** Where MQTT devices connect, on the service's host. */
export interface MQTTAddress {
  port: number;
  tls: boolean;
  /** Only programs on the service's own machine reach it. */
  loopback: boolean;
}

export interface DeviceList {
  items: Device[];
  mqtt?: MQTTAddress;
}

export interface IssuedToken extends DeviceToken {
  secret: string;
}

export const devices = {
  list: (station: string) => call<DeviceList>("GET", `/stations/${station}/devices`),
  revoke: (token: string) => call<undefined>("DELETE", `/tokens/${token}`),
  issue: (body: { name: string; scopes: string[]; expires_at?: string }) => call<IssuedToken>("POST", "/tokens", body),
  bins: (station: string) => call<{ items: { id: string }[] }>("GET", `/stations/${station}/bins?limit=1`),
  cameras: (station: string) => call<{ items: Camera[] }>("GET", `/stations/${station}/cameras?limit=200`),
};

/** How a device does, in one word. */
export type Standing = "connected" | "trouble" | "away" | "lost" | "never" | "revoked" | "expired";

export function standing(d: Device, now: number): Standing {
  if (d.token?.revoked_at) return "revoked";
  if (d.token?.expires_at && Date.parse(d.token.expires_at) <= now) return "expired";
  if (d.trouble && d.trouble !== "disabled" && !(d.token && !d.way)) return "trouble";
  if (d.connected) return "connected";
  if (d.parting === "lost") return "lost";
  return d.seen_at || d.way === "fetched" ? "away" : "never";
}

const order: DeviceKind[] = ["camera", "screen", "agent", "station", "speaker", "light", "lock", "listener", "other"];

/** arranged puts cameras first, then screens, agent and the rest, and what has
 * ended last. */
export function arranged(items: Device[], now: number): Device[] {
  const ended = (d: Device) => (["revoked", "expired"].includes(standing(d, now)) ? 1 : 0);
  return [...items].sort((a, b) => ended(a) - ended(b) || order.indexOf(a.kind) - order.indexOf(b.kind) || a.name.localeCompare(b.name));
}

const units = [["day", 86_400], ["hour", 3_600], ["minute", 60]] as const;

/** ago is how long ago something was, in words. */
export function ago(iso: string, now: number, language: "zh" | "en"): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  const words = new Intl.RelativeTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { numeric: "always" });
  for (const [unit, length] of units) if (seconds >= length) return words.format(-Math.floor(seconds / length), unit);
  return words.format(-Math.floor(seconds), "second");
}

/** What a token can be issued for. An agent is enrolled on the server. */
export type Purpose = "speaker" | "light" | "lock" | "screen" | "camera" | "station" | "agent";

export const purposes: Purpose[] = ["speaker", "light", "lock", "screen", "camera", "station", "agent"];

const listens = (purpose: Purpose) => purpose === "speaker" || purpose === "light" || purpose === "lock";

export function scopeOf(purpose: Purpose, station: string, camera: string): string {
  return listens(purpose) ? `listen:${station}` : purpose === "camera" ? `camera:${camera}` : `${purpose}:${station}`;
}

/** Line is one way to use a token: an address to open or a command. */
export interface Line {
  how: "open" | "listen" | "status" | "events" | "frame" | "deposit" | "pushFrame" | "pushDeposit";
  text: string;
}

/** lines are the exact ways to use a token. */
export function lines(o: {
  purpose: Purpose;
  station: string;
  camera: string;
  bin: string;
  token: IssuedToken;
  origin: string;
  host: string;
  mqtt: MQTTAddress | undefined;
}): Line[] {
  const bearer = `-H 'Authorization: Bearer ${o.token.secret}'`;
  const picture = `-H 'Content-Type: image/jpeg' --data-binary`;
  const mqtt = o.mqtt && `-V mqttv311 -h ${o.host} -p ${o.mqtt.port}${o.mqtt.tls ? " --tls-use-os-certs" : ""} -u device -P '${o.token.secret}'`;
  const api = `${o.origin}/api/v1`, topics = `binside/v1/stations/${o.station}`, push = `binside/v1/push/${o.station}`;
  const status = `${topics}/devices/${o.token.id}/status`;
  const says = (online: boolean) => `'${JSON.stringify({ online, kind: o.purpose })}'`;
  const listen: Line[] = mqtt ? [
    { how: "listen", text: `mosquitto_sub ${mqtt} -v -t '${topics}/#' --will-topic ${status} --will-payload ${says(false)} --will-retain` },
    { how: "status", text: `mosquitto_pub ${mqtt} -r -t ${status} -m ${says(true)}` },
  ] : [];
  switch (o.purpose) {
    case "screen":
      return [{ how: "open", text: `${o.origin}/#/screen/${o.station}/${o.token.secret}` }, ...listen];
    case "speaker":
    case "light":
    case "lock":
      return [...listen, { how: "events", text: `curl -N ${bearer} ${api}/stations/${o.station}/screen/events` }];
    case "camera":
      return [
        { how: "frame", text: `curl ${bearer} ${picture} @frame.jpg ${api}/cameras/${o.camera}/frames` },
        ...(mqtt ? [{ how: "pushFrame" as const, text: `mosquitto_pub ${mqtt} -t ${push}/cameras/${o.camera}/frames -f frame.jpg` }] : []),
      ];
    case "station":
      return [
        { how: "deposit", text: `curl ${bearer} ${picture} @item.jpg ${api}/bins/${o.bin}/deposits` },
        ...(mqtt ? [{ how: "pushDeposit" as const, text: `mosquitto_pub ${mqtt} -q 1 -t ${push}/bins/${o.bin}/deposits -f item.jpg` }] : []),
      ];
    case "agent":
      return [];
  }
}

/** reaches reports whether a browser at this host is where MQTT listens only for
 * its own machine. */
export const reaches = (mqtt: MQTTAddress, host: string) => !mqtt.loopback || host === "localhost" || host === "[::1]" || host.startsWith("127.");

/** copy puts text on the clipboard, over plain HTTP as well, where browsers keep
 * navigator.clipboard to themselves. */
export async function copy(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
