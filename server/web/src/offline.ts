// The screen without a network: its worker keeps the page and the sounds, and
// brings in a new build when there is one.

import type { Screen } from "./screen";
import { headers, soundPath, sounds } from "./screen";
import { needsSounds } from "./voice";

/** How often a screen that is never closed asks for a new build. */
const updateEvery = 10 * 60_000;

/** install registers the worker of the screens' own folder, and the manifest
 * with which a tablet installs the page. Without a secure context (HTTPS, or
 * this device) browsers have no workers, and the page needs the network to open.
 * It returns how to stop. */
export function install(): () => void {
  const manifest = document.createElement("link");
  manifest.rel = "manifest";
  manifest.href = "/screen.webmanifest";
  document.head.append(manifest);
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  if (!workers) return () => manifest.remove();
  const before = workers.controller;
  // The first worker takes over a page that is as new as it is; a later one
  // brings a new build.
  const taken = () => { if (before) reloadWhenIdle(); };
  workers.addEventListener("controllerchange", taken);
  const update = () => void workers.getRegistration("/screen/").then((r) => r?.update()).catch(() => undefined); // the network is away
  void workers.register("/screen-worker.js", { scope: "/screen/", updateViaCache: "none" }).catch(() => undefined); // as without workers
  const timer = setInterval(update, updateEvery);
  return () => {
    manifest.remove();
    clearInterval(timer);
    workers.removeEventListener("controllerchange", taken);
  };
}

/** reloadWhenIdle opens the new build when nobody is being told anything. */
function reloadWhenIdle() {
  const look = () => {
    if (document.querySelector("[data-testid=screen]")?.getAttribute("data-state") !== "prompt") location.reload();
    else setTimeout(look, 1000);
  };
  look();
}

let fetched = "";

/** prefetch asks for every sound once, so that the worker has it when the network
 * is away; and asks for a new build, since the server may have come back with
 * one. */
export async function prefetch(screen: Screen): Promise<void> {
  const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined;
  void workers?.getRegistration("/screen/").then((r) => r?.update()).catch(() => undefined);
  const { station_id: station, language, voice } = screen;
  const what = `${station} ${language} ${voice.version}`;
  if (!workers?.controller || what === fetched || !needsSounds(screen)) return;
  fetched = what;
  try {
    for (const key of await sounds(station)) {
      await fetch(soundPath(station, key, language, voice.version), { headers: headers(station), credentials: "same-origin" });
    }
    workers.controller.postMessage({ keep: voice.version });
  } catch {
    fetched = ""; // the next connection begins anew, and the worker has what came
  }
}
