// Sets a camera up as an operator would, in a real headless Chromium:
//
//   node e2e/cameras.mjs LINK VIEWER SHOTS
//
// LINK and VIEWER are one-time links of a running service with the demonstration
// station, of somebody who may manage cameras and of somebody who may only look;
// screenshots at desktop, tablet and phone size, in both languages, go to the
// folder SHOTS. It ends with an error at the first thing that is not as it
// should be.
import assert from "node:assert/strict";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [link, viewer, shots] = process.argv.slice(2);
const patience = 60_000;
const sizes = { desktop: [1440, 900], tablet: [1024, 768], phone: [390, 844] };
const home = new URL("/", link).href;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const broken = [];

async function open(context) {
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  page.on("pageerror", (e) => broken.push(String(e)));
  return page;
}

/** points turns shares of the view into places of the page. */
async function points(page, shares) {
  const box = await page.getByTestId("region-canvas").boundingBox();
  return shares.map(([x, y]) => [box.x + x * box.width, box.y + y * box.height]);
}

const outline = (page, bin) => page.locator(`polygon.region[data-bin="${bin}"]`);

/** corners are a region's corners as the server has them. */
const corners = (page, camera, bin) => page.evaluate(async ([id, name]) => {
  const c = await (await fetch(`/api/v1/cameras/${id}`)).json();
  return c.regions.find((r) => r.bin_id === name)?.polygon;
}, [camera, bin]);

const near = (got, want, what) => {
  assert.equal(got.length, want.length, what);
  got.forEach((c, i) => assert.ok(Math.hypot(c.x - want[i][0], c.y - want[i][1]) < 0.02, `${what}: corner ${i} is at ${c.x}, ${c.y} and not ${want[i]}`));
};

const save = async (page) => {
  await page.getByTestId("save-regions").click();
  await page.getByTestId("saved").waitFor();
};

const bins = (page) => page.getByTestId("bin").evaluateAll((all) => all.map((b) => b.dataset.id));

/** addCamera makes a camera of the demonstration's stream through the form. */
async function addCamera(page) {
  await page.getByRole("link", { name: "摄像头" }).click();
  await page.getByTestId("camera").first().waitFor();
  const address = await page.locator('[data-id="demo-camera"] .code').innerText();
  await page.getByTestId("add-camera").click();
  const form = page.getByTestId("camera-form");
  await form.locator("[name=name]").fill("东门");
  await form.locator("[name=kind]").selectOption("mjpeg");
  await form.locator("[name=url]").fill("ftp://nowhere");
  await page.getByTestId("save-camera").click();
  await form.locator("[role=alert]", { hasText: "http://" }).waitFor(); // says what is wrong, and keeps what was filled in
  await form.locator("[name=url]").fill(address);
  await form.locator("[name=user]").fill("admin");
  await form.locator("[name=password]").fill("hunter2");
  await page.getByTestId("save-camera").click();
  await page.getByTestId("region-canvas").waitFor();
  return new URL(page.url()).hash.split("/")[2];
}

/** drawWithMouse draws a region, bends it, and mends it with keys. */
async function drawWithMouse(page, camera, bin) {
  await page.locator("[data-testid=camera-status][data-status=streaming]").waitFor();
  await page.getByTestId("snapshot").waitFor();
  await page.locator(`[data-testid=bin][data-id="${bin}"]`).click();
  const shape = [[0.1, 0.35], [0.25, 0.35], [0.25, 0.65], [0.1, 0.65]];
  const at = await points(page, [...shape, shape[0]]);
  for (const [x, y] of at) await page.mouse.click(x, y);
  await outline(page, bin).waitFor();
  assert.equal(await page.getByTestId("corner").count(), 4);
  await save(page);
  near(await corners(page, camera, bin), shape, "drawn with the mouse");

  await page.reload();
  await outline(page, bin).waitFor();
  await page.locator(`[data-testid=bin][data-id="${bin}"]`).click();
  const [from, to, far] = await points(page, [shape[2], [0.28, 0.7], [0.02, 0.5]]);
  await page.mouse.move(...from);
  await page.mouse.down();
  await page.mouse.move(...to, { steps: 5 });
  await page.mouse.up();
  // A corner that is drawn over the other side stays where it was still right.
  await page.mouse.move(...to);
  await page.mouse.down();
  await page.mouse.move(...far, { steps: 8 });
  await page.getByTestId("refused").waitFor();
  await page.mouse.up();
  await page.getByTestId("undo").click();
  // A corner is added between two, moved by keys and removed again.
  await page.getByTestId("between").first().click();
  assert.equal(await page.getByTestId("corner").count(), 5);
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Shift+ArrowUp");
  await page.screenshot({ path: join(shots, "regions-edited.png") });
  await page.keyboard.press("Delete");
  assert.equal(await page.getByTestId("corner").count(), 4);
  await save(page);
  near(await corners(page, camera, bin), [shape[0], shape[1], [0.28, 0.7], shape[3]], "bent");
}

/** touch sends what a finger does. */
async function drag(page, from, to) {
  const cdp = await page.context().newCDPSession(page);
  const send = (type, at) => cdp.send("Input.dispatchTouchEvent", { type, touchPoints: at ? [{ x: at[0], y: at[1] }] : [] });
  await send("touchStart", from);
  for (let i = 1; i <= 6; i++) await send("touchMove", [from[0] + ((to[0] - from[0]) * i) / 6, from[1] + ((to[1] - from[1]) * i) / 6]);
  await send("touchEnd");
  await cdp.detach();
}

async function drawWithFinger(state, camera, bin) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: "en-GB", storageState: state });
  const page = await open(context);
  await page.goto(`${home}#/cameras/${camera}`);
  await page.getByTestId("snapshot").waitFor();
  await page.locator(`[data-testid=bin][data-id="${bin}"]`).tap();
  const shape = [[0.35, 0.3], [0.55, 0.3], [0.55, 0.7], [0.35, 0.7]];
  for (const [x, y] of await points(page, shape)) await page.touchscreen.tap(x, y);
  await page.screenshot({ path: join(shots, "regions-drawing-phone-en.png") });
  await page.getByTestId("finish").tap();
  await outline(page, bin).waitFor();
  // A finger is thick: it takes a corner beside which it comes down.
  const [from, to] = await points(page, [[0.57, 0.33], [0.62, 0.23]]);
  await drag(page, from, to);
  await save(page);
  near(await corners(page, camera, bin), [shape[0], [0.6, 0.2], shape[2], shape[3]].map(([x, y], i) => (i === 1 ? [0.61, 0.22] : [x, y])), "drawn with a finger");
  await page.reload();
  await outline(page, bin).waitFor();
  await page.screenshot({ path: join(shots, "regions-phone-en.png") });
  await context.close();
}

/** collide lets two people change one camera. */
async function collide(context, page, camera, bin) {
  await page.goto(`${home}#/cameras/${camera}`);
  await page.reload();
  await outline(page, bin).waitFor();
  await page.locator(`[data-testid=bin][data-id="${bin}"]`).click();
  const nudge = async (p) => {
    const [inside, beside] = await points(p, [[0.17, 0.5], [0.19, 0.5]]);
    await p.mouse.move(...inside);
    await p.mouse.down();
    await p.mouse.move(...beside, { steps: 3 });
    await p.mouse.up();
  };
  await nudge(page);
  const other = await open(context);
  await other.goto(`${home}#/cameras/${camera}`);
  await outline(other, bin).waitFor();
  await other.locator(`[data-testid=bin][data-id="${bin}"]`).click();
  await other.getByTestId("remove-region").click();
  await save(other);
  await other.close();
  await page.getByTestId("save-regions").click();
  await page.getByTestId("conflict").waitFor();
  assert.equal(await corners(page, camera, bin), undefined, "what somebody else has saved is not overwritten silently");
  await page.screenshot({ path: join(shots, "regions-conflict.png") });
  await page.getByTestId("conflict").getByRole("button").nth(1).click();
  await page.getByTestId("saved").waitFor();
  assert.equal((await corners(page, camera, bin)).length, 4);
}

/** tune changes what the demonstration's detector goes by, and sees it. */
async function tune(page) {
  await page.goto(`${home}#/cameras/demo-camera/tuning`);
  await page.getByTestId("mask").first().waitFor();
  await page.waitForFunction(() => [...document.querySelectorAll("[data-testid=mask]")].some((c) => {
    const pixels = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    return pixels.some((v, i) => i % 4 === 3 && v > 0);
  }), undefined, { polling: 100 });
  const now = () => page.getByTestId("threshold-now").innerText();
  assert.ok(parseInt(await now(), 10) < 30, await now());
  await page.locator('[data-testid=recording][data-kind="deposited"]').first().waitFor();
  await page.locator('[data-testid=recording][data-kind="deposited"]').first().click();
  await page.waitForFunction(() => document.querySelector("[data-testid=player] img")?.naturalWidth > 0);

  // What was a deposit would be too small: seen before it is saved.
  await page.getByTestId("set-min_item").fill("45");
  await page.getByTestId("set-min_threshold").fill("40");
  await page.waitForFunction(() => /[1-9]\d/.test(document.querySelector("[data-testid=try]").innerText), undefined, { polling: 200 });
  await page.getByTestId("try").click();
  await page.getByTestId("trial").waitFor();
  await page.screenshot({ path: join(shots, "tuning-trial.png"), fullPage: true });
  await page.getByTestId("set-max_item").fill("30");
  await page.getByTestId("disorder").waitFor();
  assert.ok(await page.getByTestId("save-thresholds").isDisabled());
  await page.getByTestId("set-max_item").fill("65");
  await page.getByTestId("save-thresholds").click();
  await page.getByTestId("tuned").waitFor();
  await page.waitForFunction(() => parseInt(document.querySelector("[data-testid=threshold-now]").innerText, 10) >= 40, undefined, { polling: 100 });
  await page.locator('[data-testid=recording][data-kind="missed"]', { hasText: "太小" }).first().waitFor();
  await page.getByTestId("restore").click();
  await page.getByTestId("tuned").waitFor();
  await page.waitForFunction(() => parseInt(document.querySelector("[data-testid=threshold-now]").innerText, 10) < 30, undefined, { polling: 100 });
}

async function pictures(page, camera) {
  for (const language of ["zh", "en"]) {
    for (const [name, [width, height]] of Object.entries(sizes)) {
      await page.setViewportSize({ width, height });
      for (const [view, hash, sight] of [
        ["cameras", "#/cameras", "camera"], ["regions", `#/cameras/${camera}`, "snapshot"],
        ["tuning", "#/cameras/demo-camera/tuning", "mask"], ["settings", `#/cameras/${camera}/settings`, "camera-form"],
      ]) {
        await page.goto(home + hash);
        await page.getByTestId(sight).first().waitFor();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${view} is ${over} px wider than a ${name}`);
        await page.screenshot({ path: join(shots, `${view}-${name}-${language}.png`) });
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole("button", { name: language === "zh" ? "English" : "中文" }).click();
  }
}

try {
  const context = await browser.newContext({ viewport: { width: 1024, height: 768 }, locale: "zh-CN" });
  const page = await open(context);
  await page.goto(link);
  await page.getByTestId("station").waitFor();
  const camera = await addCamera(page);
  const [first, second] = await bins(page);
  await drawWithMouse(page, camera, first);
  await drawWithFinger(await context.storageState(), camera, second);
  await collide(context, page, camera, first);

  // Nobody sees the password again.
  await page.getByTestId("tab-settings").click();
  const hint = await page.getByTestId("camera-form").locator("[name=url]").getAttribute("placeholder");
  assert.match(hint, /\*\*\*@/);
  assert.ok(!(await page.content()).includes("hunter2"));

  await tune(page);
  await pictures(page, camera);

  await page.goto(`${home}#/cameras/${camera}/settings`);
  await page.getByTestId("remove-camera").click();
  await page.getByTestId("remove-sure").click();
  await page.locator('[data-id="demo-camera"]').waitFor();
  assert.equal(await page.locator(`[data-testid=camera][data-id="${camera}"]`).count(), 0);

  const guest = await open(await browser.newContext({ locale: "zh-CN" }));
  await guest.goto(viewer);
  await guest.getByTestId("station").waitFor();
  assert.equal(await guest.getByRole("link", { name: "摄像头" }).count(), 0);
  await guest.goto(`${home}#/cameras/demo-camera`);
  await guest.getByTestId("not-yours").waitFor();
  assert.deepEqual(broken, []);
} finally {
  await browser.close();
}
