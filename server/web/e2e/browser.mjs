// Walks through the page as a supervisor would, in a real headless Chromium:
//
//   node e2e/browser.mjs LINK SHOTS
//
// LINK is a one-time link of a running service with the demonstration
// station; screenshots at desktop and phone size go to the folder SHOTS. It
// ends with an error at the first thing that is not as it should be.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { desktop, fits, launch, patience, phone, watch } from "./chromium.mjs";

const [link, shots] = process.argv.slice(2);

const browser = await launch();
try {
  const context = await browser.newContext({ viewport: desktop, locale: "zh-CN" });
  context.setDefaultTimeout(patience);
  const page = await context.newPage();
  const broken = [];
  watch(page, broken);

  await page.goto(link);
  await page.getByTestId("station").waitFor();
  await page.locator(".live.on").waitFor();
  assert.equal(new URL(page.url()).hash, "#/", "the code does not stay in the address");

  // A misdeposit is flagged while we look, without a reload.
  const flag = page.locator(".flagged [data-testid=deposit]").first();
  await flag.waitFor();
  assert.match(await flag.getByTestId("advice").innerText(), /请投.+桶/);
  await page.screenshot({ path: join(shots, "wall-desktop.png") });

  // What a bin's verdicts rest on stands beside it.
  const bound = page.getByTestId("bound").first();
  await bound.locator("summary").click();
  assert.match(await bound.innerText(), /误提示率 ≤ 2\.0%[^]*送人工 \d+%[^]*95%[^]*样本数 n\s+\d{2,}/);
  await page.screenshot({ path: join(shots, "bound-desktop.png") });
  await bound.locator("summary").click();

  // Its evidence is one click away.
  const id = await flag.getAttribute("data-id");
  await flag.click();
  const picture = page.getByTestId("evidence");
  await picture.waitFor();
  await page.waitForFunction(() => document.querySelector("[data-testid=evidence]").naturalWidth > 0);
  await page.screenshot({ path: join(shots, "inspection-desktop.png") });

  // Why it was flagged is a key away: the rule in words, the margins, and a
  // heat map over the picture that can be turned off and closed again.
  await page.keyboard.press("w");
  await page.getByTestId("sentence").waitFor();
  assert.match(await page.getByTestId("sentence").innerText(), /最可能是/);
  await page.locator("[data-testid^=margin-]").first().waitFor();
  const heat = page.getByTestId("heat");
  await heat.waitFor();
  await page.waitForFunction(() => document.querySelector("[data-testid=heat]").naturalWidth > 0);
  assert.match(await page.getByTestId("heat-figures").innerText(), /\d%/);
  await page.screenshot({ path: join(shots, "explanation-desktop.png") });
  await page.setViewportSize(phone);
  await page.screenshot({ path: join(shots, "explanation-phone.png") });
  const over = await page.evaluate(() => document.querySelector("dialog").scrollWidth - document.querySelector("dialog").clientWidth);
  assert.ok(over <= 0, `the explanation is ${over} px wider than a phone`);
  await page.setViewportSize(desktop);
  await page.getByTestId("heat-toggle").uncheck();
  await heat.waitFor({ state: "detached" });
  await page.keyboard.press("w");
  await page.getByTestId("explanation").waitFor({ state: "detached" });

  // It is relabelled; the flag goes away.
  await page.getByTestId("item-class").selectOption("battery");
  await page.getByTestId("review").waitFor();
  assert.match(await page.getByTestId("review").innerText(), /有害垃圾/);
  await page.keyboard.press("Escape");
  await page.locator(`.flagged [data-id="${id}"]`).waitFor({ state: "detached" });

  // Words in the other language.
  await page.getByRole("button", { name: "English" }).click();
  await page.getByRole("link", { name: "Live wall" }).waitFor();

  // The label became a sample; photographs can be added, a corrupt one is
  // refused by name and the others are kept.
  await page.getByRole("link", { name: "Samples" }).click();
  await page.getByTestId("sample").first().waitFor();
  const photograph = join(shots, "photograph.jpg");
  await page.locator("[data-testid=sample] img").first().screenshot({ path: photograph, type: "jpeg" });
  const truncated = join(shots, "truncated.jpg");
  await writeFile(truncated, (await readFile(photograph)).subarray(0, 400));
  await page.getByTestId("files").setInputFiles([photograph, truncated]);
  await page.getByTestId("upload-category").selectOption("kitchen");
  await page.getByTestId("upload").click();
  const result = page.getByTestId("upload-result");
  await result.waitFor();
  assert.match(await result.innerText(), /1 accepted, 1 refused/);
  assert.match(await result.innerText(), /truncated\.jpg/);
  await page.screenshot({ path: join(shots, "samples-desktop.png") });

  // The photograph is deleted again: asked first, and for ever.
  const newest = page.getByTestId("sample").first();
  const address = await newest.locator("img").getAttribute("src");
  const before = await page.getByTestId("sample").count();
  await newest.getByTestId("sample-delete").click();
  await newest.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
  await newest.getByTestId("sample-delete").click();
  await page.keyboard.press("Escape");
  await newest.getByTestId("sample-delete").click();
  await newest.getByRole("alertdialog").waitFor();
  await page.screenshot({ path: join(shots, "samples-delete-desktop.png") });
  await newest.getByTestId("sample-delete-sure").click();
  await page.getByTestId("sample-deleted").waitFor();
  assert.equal(await page.getByTestId("sample").count(), before - 1);
  assert.equal((await page.request.get(new URL(address, link).href)).status(), 404);

  await page.setViewportSize(phone);
  await page.screenshot({ path: join(shots, "samples-phone.png") });
  await page.getByRole("link", { name: "Live wall" }).click();
  await page.getByTestId("station").waitFor();
  await page.screenshot({ path: join(shots, "wall-phone.png") });
  await fits(page, "the wall");

  // Somebody without a session sees nothing but how to get one.
  const stranger = await browser.newPage();
  await stranger.goto(new URL("/", link).href);
  await stranger.getByTestId("sign-in").waitFor();
  await stranger.screenshot({ path: join(shots, "sign-in.png") });

  // 401 of a stranger's first question is no fault; ours are.
  assert.deepEqual(broken, []);
} finally {
  await browser.close();
}
