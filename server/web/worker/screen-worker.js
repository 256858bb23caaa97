// The worker of the screens at the bins. Its scope is /screen/: the other pages
// know nothing of it. It keeps what the page is made of and what it says; it
// keeps no answer that needs a credential but the sounds, by their addresses
// alone, so that no token is ever stored.
//
// The build puts its files and their hash in here: a new build is another worker,
// which fetches all of it, takes over and deletes the old one's.

const version = "__VERSION__";
const files = __FILES__;
const shell = "/screen/";
const build = `binside-screen-${version}`;
const sounds = "binside-sounds";
const soundPath = /^\/api\/v1\/stations\/[a-z0-9-]+\/screen\/speech\/[a-z0-9_-]+$/;

/** How long the network has to open the page, in ms. */
const patience = 4000;

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("message", (event) => {
  if (event.data?.keep) event.waitUntil(forgetSounds(event.data.keep));
});
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(open(request));
  else if (files.includes(url.pathname)) event.respondWith(fromBuild(request, url));
  else if (soundPath.test(url.pathname) && url.searchParams.get("version")) event.respondWith(sound(request, url));
});

async function install() {
  const cache = await caches.open(build);
  await Promise.all([shell, ...files].map(async (path) => {
    const answer = await fetch(path, { cache: "no-cache", credentials: "omit", headers: { Accept: path === shell ? "text/html" : "*/*" } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    await cache.put(path, answer);
  }));
  await self.skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) if (name.startsWith("binside-screen-") && name !== build) await caches.delete(name);
  await self.clients.claim();
}

/** open prefers the server's page, which is the newest; where the server is away
 * or only a proxy answers for it, the kept one. */
async function open(request) {
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(patience) });
    if (answer.status < 500) return answer;
  } catch {
    // below
  }
  const cache = await caches.open(build);
  return (await cache.match(shell)) ?? Response.error();
}

async function fromBuild(request, url) {
  const cache = await caches.open(build);
  return (await cache.match(url.pathname)) ?? fetch(request);
}

async function sound(request, url) {
  const key = url.pathname + url.search;
  const cache = await caches.open(sounds);
  const kept = await cache.match(key);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(key, answer.clone()).catch(() => undefined); // no room: it is heard all the same
  return answer;
}

/** forgetSounds deletes those of other versions. */
async function forgetSounds(keep) {
  const cache = await caches.open(sounds);
  for (const request of await cache.keys()) {
    if (new URL(request.url).searchParams.get("version") !== keep) await cache.delete(request);
  }
}
