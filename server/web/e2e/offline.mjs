// The screen at the bins without the server, in a real headless Chromium:
//
//   node e2e/offline.mjs URL TOKEN SHOTS
//
// URL is a running service's with the station "gate", TOKEN one of its screen.
// The test that starts it answers "stop", "start" and "update": it stops the
// service, starts it again on the same port, and starts it with another build
// of the page.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ask, goodbye, launch, listen, patience, tablet } from "./chromium.mjs";

const [url, token, shots] = process.argv.slice(2);
const browser = await launch("--autoplay-policy=no-user-gesture-required");
try {
  const context = await browser.newContext({ viewport: tablet, locale: "zh-CN" });
  context.setDefaultTimeout(patience);
  await listen(context);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (e) => errors.push(String(e)));
  const screen = page.getByTestId("screen");
  const connected = (yes) => page.locator(`[data-testid=screen][data-connected=${yes}]`).waitFor();
  const kept = () => page.evaluate(async () => {
    const all = {};
    for (const name of await caches.keys()) {
      all[name] = [];
      for (const request of await (await caches.open(name)).keys()) {
        all[name].push({ url: request.url, headers: [...request.headers].map(([k, v]) => `${k}: ${v}`) });
      }
    }
    return all;
  });

  await page.goto(`${url}/#/screen/gate/${token}`);
  await connected(true);
  assert.equal(new URL(page.url()).pathname, "/screen/gate", "the token does not stay in the address");
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await page.reload(); // as a tablet that is switched on again: now the worker fetches the sounds
  await connected(true);
  const { keys } = await (await fetch(`${url}/api/v1/stations/gate/screen/speech`, { headers: { Authorization: `Bearer ${token}` } })).json();
  assert.ok(keys.length > 40, `${keys.length} sentences`);
  await page.evaluate((n) => new Promise((go) => {
    const look = async () => (await (await caches.open("binside-sounds")).keys()).length === n ? go() : setTimeout(look, 100);
    void look();
  }), keys.length);
  const first = Object.keys(await kept()).find((n) => n.startsWith("binside-screen-"));

  // No token is kept by the worker, nor anything of the API's but sounds.
  for (const { url: what, headers } of Object.values(await kept()).flat()) {
    assert.ok(!what.includes(token) && !headers.join().includes(token), what);
    assert.ok(!headers.some((h) => /^(authorization|cookie):/i.test(h)), `${what}: ${headers}`);
    const { pathname } = new URL(what);
    assert.ok(!pathname.startsWith("/api/") || pathname.startsWith("/api/v1/stations/gate/screen/speech/"), what);
  }

  // The server is away: the page opens, says so, shows the bins, and speaks.
  await ask("stop");
  await page.getByTestId("screen-away").waitFor();
  await page.reload();
  await screen.waitFor();
  await page.getByTestId("screen-away").waitFor();
  assert.match(await page.getByTestId("screen-away").innerText(), /与服务器断开/);
  assert.match(await screen.innerText(), /东门投放点/);
  assert.match(await screen.innerText(), /可回收物/);
  await page.screenshot({ path: join(shots, "screen-away.png") });
  await page.getByRole("button", { name: "English" }).click();
  assert.match(await page.getByTestId("screen-away").innerText(), /Disconnected from the server/);
  await page.screenshot({ path: join(shots, "screen-away-en.png") });
  const sound = await page.evaluate(async () => {
    const key = (await (await caches.open("binside-sounds")).keys()).find((r) => r.url.includes("class-battery"));
    const reply = await fetch(key.url);
    return { ok: reply.ok, bytes: (await reply.arrayBuffer()).byteLength };
  });
  assert.ok(sound.ok && sound.bytes > 10_000, JSON.stringify(sound));

  // The other pages have no worker: without a server there is none of them.
  const other = await context.newPage();
  await assert.rejects(other.goto(`${url}/`), /ERR_CONNECTION_REFUSED/);
  await other.close();

  // It comes back by itself.
  await ask("start");
  await connected(true);
  await page.getByTestId("screen-away").waitFor({ state: "detached" });
  const prompted = page.getByTestId("prompt").waitFor();
  await ask("misdeposit");
  await prompted;
  await page.getByTestId("corrected").click();
  await page.getByTestId("ended").waitFor();

  // A new build replaces the old one, in the page and in what is kept.
  await ask("stop");
  await ask("update");
  await page.waitForFunction(() => document.querySelector("meta[name=build]") !== null);
  await connected(true);
  const caches = Object.keys(await kept()).filter((n) => n.startsWith("binside-screen-"));
  assert.equal(caches.length, 1, `${caches}`);
  assert.notEqual(caches[0], first);
  await ask("stop");
  await page.reload();
  await screen.waitFor();
  assert.equal(await page.locator("meta[name=build]").count(), 1, "the new build is what is kept");
  assert.deepEqual(errors, []);
} finally {
  goodbye();
  await browser.close();
}
