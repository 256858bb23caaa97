// Watches a station's devices as a supervisor would, and issues and revokes their
// tokens as an administrator would, in a real headless Chromium:
//
//   node e2e/devices.mjs LINK VIEWER SHOTS
//
// LINK and VIEWER are one-time links of a running service with the station "gate"
// and an MQTT listener, of an administrator and of somebody who may only look. The
// lines that the page shows are run by the test that has started this script.
// Screenshots at desktop and phone size, in both languages, go to the folder
// SHOTS. It ends with an error at the first thing that is not as it should be.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ask, desktop, fits, goodbye, launch, patience, phone, watch } from "./chromium.mjs";

const [link, viewer, shots] = process.argv.slice(2);
const browser = await launch();
const broken = [];

async function open(address, ...permissions) {
  const context = await browser.newContext({ viewport: desktop, locale: "zh-CN", permissions });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  watch(page, broken);
  await page.goto(address);
  await page.getByTestId("station-page").first().click();
  await page.getByTestId("devices").waitFor();
  return page;
}

const row = (page, name) => page.locator(`[data-testid=device][data-name="${name}"]`);
const stands = (page, name, standing) => page.locator(`[data-testid=device][data-name="${name}"][data-standing="${standing}"]`).waitFor();

/** issue makes a token in the page and returns its lines. */
async function issue(page, purpose, name, shot) {
  await page.getByTestId("issue").click();
  await page.getByTestId("issue-for").selectOption(purpose);
  await page.getByTestId("issue-name").fill(name);
  if (shot) await page.screenshot({ path: join(shots, `${shot}-form.png`) });
  await page.getByTestId("issue-do").click();
  await page.getByTestId("issued").waitFor();
  const texts = await page.locator("[data-testid=issued] code").evaluateAll((all) => Object.fromEntries(all.map((c) => [c.dataset.testid.replace("text-", ""), c.textContent])));
  assert.match(texts.secret, /^bin_[a-z0-9]+_.{40,}$/);
  if (shot) await page.screenshot({ path: join(shots, `${shot}.png`) });
  return texts;
}

async function revoke(page, name, shot) {
  await row(page, name).getByTestId("revoke").click();
  await row(page, name).getByRole("alertdialog").waitFor();
  if (shot) await page.screenshot({ path: join(shots, shot) });
  await row(page, name).getByTestId("revoke-sure").click();
  await stands(page, name, "revoked");
}

try {
  const page = await open(link, "clipboard-read", "clipboard-write");
  await stands(page, "东门摄像头", "trouble");

  // A light's token is shown once; its line works as it stands, and the light is
  // there within a look.
  const light = await issue(page, "light", "东门灯", "devices-issued-zh");
  await page.getByTestId("copy-listen").click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), light.listen);
  await stands(page, "东门灯", "never");
  await page.getByTestId("issued-done").click();
  assert.ok(!(await page.content()).includes(light.secret), "the secret stays in the page");
  await ask(`run light ${light.listen}`);
  await stands(page, "东门灯", "connected");
  assert.match(await row(page, "东门灯").getByTestId("connection").innerText(), /MQTT · .+接入 · 留有遗嘱 · 127\.0\.0\.1/);

  await ask(`do ${light.status}`);
  await page.locator("[data-testid=device][data-name=东门灯][data-kind=light]").waitFor();

  // One that dies says no goodbye, which is seen; one that leaves says it.
  const lock = await issue(page, "lock", "北门锁");
  await page.getByTestId("issued-done").click();
  await ask(`run lock ${lock.listen}`);
  await stands(page, "北门锁", "connected");
  await ask("kill lock");
  await stands(page, "北门锁", "lost");
  assert.match(await row(page, "北门锁").getByTestId("parting").innerText(), /没有道别就断开,遗嘱已发布/);
  await ask(`run lock ${lock.listen}`);
  await stands(page, "北门锁", "connected");
  await ask("leave lock");
  await stands(page, "北门锁", "away");
  assert.match(await row(page, "北门锁").getByTestId("parting").innerText(), /正常断开/);

  // A camera that pushes and a screen, by the lines that the page gives.
  const camera = await issue(page, "camera", "推流盒子");
  await page.getByTestId("issued-done").click();
  await ask(`do ${camera.frame}`);
  await stands(page, "东门摄像头", "connected");
  assert.match(await row(page, "东门摄像头").getByTestId("connection").innerText(), /HTTP · .+127\.0\.0\.1/);
  await ask(`do ${camera.pushFrame}`);
  await page.locator("[data-name=东门摄像头] [data-testid=connection]", { hasText: "MQTT" }).waitFor();
  await stands(page, "东门摄像头", "connected");
  const screen = await issue(page, "screen", "东门平板");
  await page.getByTestId("issued-done").click();
  const tablet = await (await browser.newContext()).newPage();
  await tablet.goto(screen.open);
  await stands(page, "东门平板", "connected");
  await page.screenshot({ path: join(shots, "devices-desktop-zh.png"), fullPage: true });

  // Revoking cuts the connection at once: the page says so, and the client ends.
  await revoke(page, "东门灯", "devices-revoke-zh.png");
  await page.getByTestId("revoked").waitFor();
  assert.match(await row(page, "东门灯").getByTestId("parting").innerText(), /被服务器断开/);
  assert.equal(await row(page, "东门灯").getByTestId("revoke").count(), 0);
  await ask("ended light");
  await revoke(page, "东门平板");
  await page.screenshot({ path: join(shots, "devices-revoked-zh.png") });

  // On a phone, in the other language.
  await page.setViewportSize(phone);
  await fits(page, "the list of devices");
  await page.screenshot({ path: join(shots, "devices-phone-zh.png"), fullPage: true });
  await page.setViewportSize(desktop);
  await page.getByRole("button", { name: "English" }).click();
  await page.screenshot({ path: join(shots, "devices-desktop-en.png"), fullPage: true });
  const station = await issue(page, "station", "Gate box", "devices-issued-en");
  assert.match(station.deposit, /\/api\/v1\/bins\/gate-[a-z]+\/deposits$/);
  await page.setViewportSize(phone);
  await fits(page, "a token that is shown");
  await page.screenshot({ path: join(shots, "devices-issued-phone-en.png") });
  await page.getByTestId("issued-done").click();
  await page.getByTestId("issue").click();
  await page.getByTestId("issue-for").selectOption("agent");
  assert.match(await page.getByTestId("issue-form").innerText(), /binside agent enrol gate/);
  await fits(page, "the form for a token");
  await page.screenshot({ path: join(shots, "devices-form-phone-en.png") });

  // Who may only look sees all of it, and no button.
  const other = await open(viewer);
  await stands(other, "Gate box", "never");
  await stands(other, "东门灯", "revoked");
  assert.equal(await other.getByTestId("issue").count() + await other.getByTestId("revoke").count(), 0);
  await other.screenshot({ path: join(shots, "devices-viewer-zh.png") });
  assert.deepEqual(broken, []);
} finally {
  goodbye();
  await browser.close();
}
