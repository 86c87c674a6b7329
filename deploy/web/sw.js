// Keeps every file of one build; a page's address is answered by the one index. A new build is a new cache, told to the page.
const BUILD = "__BUILD__", KEEP = "__KEEP__";
const NAME = `fibra-${BUILD}`, ROOT = new URL("./", self.location).href;

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(take()));

async function take() {
  const old = (await caches.keys()).filter((name) => name.startsWith("fibra-") && name !== NAME);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
  if (old.length) for (const page of await self.clients.matchAll()) page.postMessage("updated");
}

// Once the first picture stands, the page asks for all the rest: from then on no network is needed.
self.addEventListener("message", (event) => event.waitUntil(keepAll(event.source)));

async function keepAll(page) {
  const cache = await caches.open(NAME);
  let missing = 0;
  for (const file of KEEP) {
    const url = new URL(file, ROOT).href;
    if (!(await cache.match(url))) await cache.add(url).catch(() => (missing += 1));
  }
  page.postMessage(missing ? "incomplete" : "kept");
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(ROOT)) event.respondWith(answer(request));
});

async function answer(request) {
  const key = request.mode === "navigate" ? ROOT : request;
  const cache = await caches.open(NAME);
  const kept = await cache.match(key);
  if (kept) return kept;
  const fresh = await fetch(key);
  if (fresh.status === 200) await cache.put(key, fresh.clone());
  return fresh;
}
