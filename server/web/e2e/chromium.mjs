// What the walks through the pages share: a real headless Chromium, and a way
// to ask the test that has started the script for what no browser can do.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

export const patience = 120_000;
export const desktop = { width: 1440, height: 900 }, tablet = { width: 1280, height: 800 }, phone = { width: 390, height: 844 };

export const launch = (...args) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...args],
});

/** watch collects what goes wrong in a page. That there is no demonstration is no
 * fault. */
export function watch(page, broken) {
  page.on("pageerror", (e) => broken.push(String(e)));
  page.on("console", (m) => m.type() === "error" && !m.location().url.endsWith("/demonstration") && broken.push(`${m.text()} ${m.location().url}`));
}

/** listen keeps, in every page of a context, what audio elements have played
 * to the end: its length in seconds and how far it came. */
export const listen = (context) => context.addInitScript(() => {
  window.heard = [];
  addEventListener("ended", (e) => window.heard.push({ duration: e.target.duration, at: e.target.currentTime }), true);
});

/** untouched waits for a condition in a page as if nobody had touched it.
 * Playwright's own questions count as a touch, after which a page may be heard. */
export async function untouched(page, condition) {
  const session = await page.context().newCDPSession(page);
  const { result } = await session.send("Runtime.evaluate", {
    expression: `new Promise((go) => { const look = () => (${condition}) ? go(true) : setTimeout(look, 50); look(); })`, awaitPromise: true, userGesture: false,
  });
  if (result.value !== true) throw new Error(`${condition}: ${JSON.stringify(result)}`);
  await session.detach();
}

let lines, answers;

/** ask asks the test for something and returns its answer. */
export async function ask(what) {
  lines ??= createInterface({ input: process.stdin });
  answers ??= lines[Symbol.asyncIterator]();
  process.stdout.write(`@${what}\n`);
  const { value, done } = await answers.next();
  if (done) throw new Error(`${what}: nobody answers`);
  if (value.startsWith("!")) throw new Error(`${what}: ${value.slice(1)}`);
  return value;
}

/** goodbye ends the asking, without which the script would not end. */
export const goodbye = () => lines?.close();

/** fits checks that nothing is wider than the screen. */
export async function fits(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) throw new Error(`${what} is ${wide} px too wide`);
}
