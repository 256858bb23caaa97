// The screen at the bins, what supervisors set about it, and a resident's
// receipt, in a real headless Chromium:
//
//   node e2e/screen.mjs LINK SHOTS
//
// as browser.mjs, but with the station "gate", which has bins and no camera. The
// test that starts it answers "misdeposit": it stores one, and "removed": it tells
// the service that the item was taken out of its bin.
import assert from "node:assert/strict";
import { join } from "node:path";
import { ask, desktop, fits, goodbye, launch, listen, patience, phone, tablet, untouched, watch } from "./chromium.mjs";

const [link, shots] = process.argv.slice(2);
const shot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`) });
const at = (path) => new URL(path, link).href;
const broken = [];

// A browser that wants a touch before a page may be heard, and a kiosk's, which
// does not.
const browser = await launch();
const kiosk = await launch("--autoplay-policy=no-user-gesture-required");
try {
  const context = await browser.newContext({ viewport: desktop, locale: "zh-CN", reducedMotion: "reduce" });
  context.setDefaultTimeout(patience);
  await listen(context);
  const wall = await context.newPage();
  watch(wall, broken);
  await wall.goto(link);
  await wall.getByTestId("station").waitFor();

  // A supervisor gives residents more time; what is wrong is refused by name.
  await wall.getByTestId("station-page").click();
  await wall.getByTestId("station-settings").waitFor();
  await wall.getByTestId("set-quiet").fill("late");
  const before = broken.length;
  await wall.getByTestId("save-settings").click();
  await wall.getByRole("alert").waitFor();
  assert.equal(await wall.getByTestId("set-quiet").getAttribute("aria-invalid"), "true");
  broken.splice(before); // the browser's own word for the refusal
  await wall.getByTestId("set-quiet").fill("");
  await wall.getByTestId("set-window").fill("60");
  await wall.getByTestId("set-volume").fill("80");
  await wall.getByTestId("save-settings").click();
  await wall.getByTestId("saved").waitFor();

  const screen = await context.newPage();
  watch(screen, broken);
  await screen.setViewportSize(tablet);
  await screen.goto(at("/screen/gate"));
  await untouched(screen, "document.querySelector('[data-hearing=blocked]')");
  assert.equal(new URL(screen.url()).pathname, "/screen/gate");
  const sound = screen.getByTestId("sound");
  await sound.waitFor();
  await shot(screen, "screen-sound");
  await sound.click();
  await screen.locator("[data-testid=screen][data-hearing=heard]").waitFor();
  assert.equal(await sound.count(), 0, "it is asked once");

  // A misdeposit fills the screen and is spoken to its end.
  await ask("misdeposit");
  await screen.getByTestId("prompt").waitFor();
  assert.match(await screen.getByTestId("prompt-advice").innerText(), /请投.+桶/);
  const left = Number(await screen.getByRole("timer").innerText());
  assert.ok(left > 40 && left <= 60, `${left} seconds left of 60`);
  await shot(screen, "screen-prompt");
  await screen.waitForFunction(() => window.heard.some((h) => h.duration > 1));
  for (const h of await screen.evaluate(() => window.heard)) assert.ok(h.at > 0 && h.at >= h.duration - 0.1, JSON.stringify(h));
  assert.ok(Math.abs(await screen.evaluate(() => document.querySelector("[data-testid=voice]").volume) - 0.8) < 0.01);

  // A kiosk is heard without a touch.
  const hall = await (await kiosk.newContext({ viewport: tablet, locale: "zh-CN", storageState: await context.storageState() })).newPage();
  hall.setDefaultTimeout(patience);
  await listen(hall.context());
  await hall.goto(at("/screen/gate"));
  await hall.locator("[data-testid=screen][data-hearing=heard]").waitFor();
  await hall.waitForFunction(() => window.heard.some((h) => h.duration > 1));
  assert.equal(await hall.getByTestId("sound").count(), 0);

  // The item is taken out: the screen says where to put it.
  await ask("removed");
  await screen.getByTestId("prompt-removed").first().waitFor();
  assert.match(await screen.getByTestId("prompt-removed").innerText(), /已取出,请投入.+桶/);
  await shot(screen, "screen-removed");
  await screen.getByRole("button", { name: "English" }).click();
  assert.match(await screen.getByTestId("prompt-removed").innerText(), /Taken out/);
  await shot(screen, "screen-removed-en");
  await screen.setViewportSize(phone);
  await shot(screen, "screen-removed-phone-en");
  assert.ok(await screen.getByTestId("prompt-category").evaluate((e) => e.scrollWidth <= e.clientWidth), "the category is wider than a phone");
  for (const id of ["corrected", "appeal"]) {
    const box = await screen.getByTestId(id).boundingBox();
    assert.ok(box && box.y + box.height <= phone.height && box.x + box.width <= phone.width, `${id} lies outside a phone: ${JSON.stringify(box)}`);
  }
  await screen.setViewportSize(tablet);

  // The resident objects instead, and asks on a phone by the receipt.
  await screen.getByRole("button", { name: "中文" }).click();
  await screen.getByTestId("appeal").click();
  await screen.getByTestId("receipt").waitFor();
  const code = await screen.getByTestId("receipt").innerText();
  assert.match(code, /^[0-9A-Z]{4}-[0-9A-Z]{4}$/);
  await shot(screen, "screen-appealed");
  const resident = await (await browser.newContext({ viewport: phone, locale: "zh-CN" })).newPage();
  resident.setDefaultTimeout(patience);
  watch(resident, broken);
  await resident.goto(at("/#/receipt"));
  await resident.getByTestId("receipt-code").fill(code.toLowerCase().replace("-", " "));
  await shot(resident, "receipt-ask-phone");
  await resident.getByTestId("receipt-ask").click();
  const answer = resident.getByTestId("receipt-answer");
  await answer.waitFor();
  assert.equal(await answer.getAttribute("data-state"), "received");
  assert.equal(await resident.locator("img").count(), 0, "no picture");

  // It is on top of the supervisors' queue; opening it tells the resident so,
  // and the decision settles it.
  await wall.getByRole("link", { name: "实时墙", exact: true }).click();
  const appealed = wall.locator(".flagged [data-testid=deposit]").first();
  await appealed.locator(".prompted.appealed").waitFor();
  const id = await appealed.getAttribute("data-id");
  await appealed.click();
  await wall.getByTestId("inspection").waitFor();
  const becomes = async (state) => {
    for (;;) {
      await resident.goto(at(`/receipt/${code}`));
      await answer.waitFor();
      if (await answer.getAttribute("data-state") === state) return;
    }
  };
  await becomes("looking");
  await wall.getByTestId("confirm").click();
  await wall.locator(`.flagged [data-id="${id}"]`).waitFor({ state: "detached" });
  await wall.keyboard.press("Escape");
  await becomes("decided");
  assert.equal(await answer.getAttribute("data-outcome"), "confirmed");
  await shot(resident, "receipt-decided-phone");
  await resident.getByRole("button", { name: "English" }).click();
  await shot(resident, "receipt-decided-phone-en");
  await fits(resident, "the receipt");

  // How quick the station was, step by step.
  await wall.goto(at("/#/stations/gate"));
  await wall.getByTestId("step-whole").waitFor();
  assert.match(await wall.getByTestId("step-whole").innerText(), /全程\s+\d+(\.\d+)? (ms|s)\s+\d/);
  await shot(wall, "station-desktop");
  await wall.setViewportSize(phone);
  await wall.getByRole("button", { name: "English" }).click();
  await fits(wall, "the station's page");
  await wall.screenshot({ path: join(shots, "station-phone-en.png"), fullPage: true });

  assert.deepEqual(broken, []);
} finally {
  goodbye();
  await browser.close();
  await kiosk.close();
}
