import { expect, test } from "vitest";
import { ago, arranged, lines, reaches, scopeOf, standing } from "./devices";
import type { Device, DeviceToken } from "./devices";

const now = Date.parse("2026-11-23T12:00:00Z");
const token: DeviceToken = { id: "abc", name: "n", scopes: ["listen:gate"], created_at: "2026-11-01T00:00:00Z" };
const device = (d: Partial<Device>): Device => ({ kind: "listener", name: "n", connected: false, token, ...d });

test("how a device does is one word", () => {
  expect(standing(device({ connected: true, way: "mqtt" }), now)).toBe("connected");
  expect(standing(device({ way: "mqtt", parting: "lost", seen_at: "2026-11-23T11:00:00Z" }), now)).toBe("lost");
  expect(standing(device({ way: "mqtt", parting: "goodbye", seen_at: "2026-11-23T11:00:00Z" }), now)).toBe("away");
  expect(standing(device({}), now)).toBe("never");
  expect(standing(device({ connected: true, token: { ...token, revoked_at: "2026-11-23T11:00:00Z" } }), now)).toBe("revoked");
  expect(standing(device({ token: { ...token, expires_at: "2026-11-23T11:59:59Z" } }), now)).toBe("expired");
  const camera: Device = { kind: "camera", camera_id: "c", name: "c", connected: false, way: "fetched", trouble: "failed" };
  expect(standing(camera, now)).toBe("trouble");
  expect(standing({ ...camera, trouble: "disabled" }, now)).toBe("away");
  expect(standing({ ...camera, connected: true, trouble: "dirty" }, now)).toBe("trouble");
  expect(standing(device({ kind: "camera", trouble: "connecting" }), now)).toBe("never");
});

test("cameras stand first, and what has ended last", () => {
  const all = [device({ name: "z" }), device({ kind: "screen", name: "old", token: { ...token, revoked_at: "2026-11-23T11:00:00Z" } }), device({ kind: "light", name: "a" }), device({ kind: "camera", name: "x" })];
  expect(arranged(all, now).map((d) => d.name)).toEqual(["x", "a", "z", "old"]);
});

test("times are said in words", () => {
  expect(ago("2026-11-23T11:59:30Z", now, "en")).toBe("30 seconds ago");
  expect(ago("2026-11-23T09:30:00Z", now, "en")).toBe("2 hours ago");
  expect(ago("2026-11-20T12:00:00Z", now, "zh")).toBe("3天前");
  expect(ago("2026-11-23T12:00:05Z", now, "en")).toBe("0 seconds ago");
});

test("the lines hold what the device needs, and nothing where MQTT is off", () => {
  const o = { station: "gate", camera: "cam", bin: "gate-kitchen", token: { ...token, secret: "bin_abc_s" }, origin: "https://h", host: "h", mqtt: { port: 8883, tls: true, loopback: false } };
  expect(lines({ ...o, purpose: "light" }).map((l) => l.text)).toEqual([
    "mosquitto_sub -V mqttv311 -h h -p 8883 --tls-use-os-certs -u device -P 'bin_abc_s' -v -t 'binside/v1/stations/gate/#' --will-topic binside/v1/stations/gate/devices/abc/status --will-payload '{\"online\":false,\"kind\":\"light\"}' --will-retain",
    "mosquitto_pub -V mqttv311 -h h -p 8883 --tls-use-os-certs -u device -P 'bin_abc_s' -r -t binside/v1/stations/gate/devices/abc/status -m '{\"online\":true,\"kind\":\"light\"}'",
    "curl -N -H 'Authorization: Bearer bin_abc_s' https://h/api/v1/stations/gate/screen/events",
  ]);
  expect(lines({ ...o, purpose: "screen", mqtt: undefined }).map((l) => l.text)).toEqual(["https://h/#/screen/gate/bin_abc_s"]);
  expect(lines({ ...o, purpose: "camera" }).map((l) => l.how)).toEqual(["frame", "pushFrame"]);
  expect(lines({ ...o, purpose: "station" })[1]?.text).toContain("-q 1 -t binside/v1/push/gate/bins/gate-kitchen/deposits -f item.jpg");
  expect(lines({ ...o, purpose: "agent" })).toEqual([]);
  expect(scopeOf("speaker", "gate", "")).toBe("listen:gate");
  expect(scopeOf("camera", "gate", "cam")).toBe("camera:cam");
  expect(scopeOf("screen", "gate", "")).toBe("screen:gate");
  expect(reaches({ port: 1, tls: false, loopback: true }, "10.0.0.2")).toBe(false);
  expect(reaches({ port: 1, tls: false, loopback: true }, "127.0.0.1")).toBe(true);
});
