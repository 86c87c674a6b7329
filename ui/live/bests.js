// The challenges as cards, with the most stars that this browser has seen. Nothing of it leaves the browser.

const PLACE = "fibra-challenges"; // in localStorage: name -> stars
const MOST = 3;
const made = new WeakMap(); // the component's root -> the cards in it

export default function ({ parentElement, data, setTriggerValue }) {
  if (data.name) return keep(data);
  let root = made.get(parentElement);
  if (!root) made.set(parentElement, (root = parentElement.appendChild(document.createElement("div"))));
  root.opened = (name) => setTriggerValue("open", [name, Date.now()]);
  const said = JSON.stringify(data);
  if (root.said !== said) draw(root, data);
  root.said = said;
  const mark = () => root.isConnected && markAll(root, data.words);
  if (window.fibraBests) removeEventListener("fibra-best", window.fibraBests);
  addEventListener("fibra-best", (window.fibraBests = mark));
  mark();
}

function bests() {
  return attempt("remembered stars", () => JSON.parse(localStorage.getItem(PLACE)) ?? {}) ?? {};
}

function keep({ name, stars }) {
  const best = bests();
  if (!(stars > (best[name] ?? 0))) return;
  attempt("remembering stars", () => localStorage.setItem(PLACE, JSON.stringify({ ...best, [name]: stars })));
  dispatchEvent(new Event("fibra-best"));
}

function draw(root, { groups, chosen }) {
  const focused = root.getRootNode().activeElement?.dataset.challenge;
  root.replaceChildren(...groups.map(({ title, cards }) => {
    const group = document.createElement("section");
    group.append(Object.assign(document.createElement("h2"), { textContent: title }));
    for (const card of cards) group.append(button(root, card, chosen));
    return group;
  }));
  root.querySelector(`[data-challenge="${focused}"]`)?.focus();
}

function button(root, { name, title }, chosen) {
  const made = Object.assign(document.createElement("button"), { type: "button" });
  made.dataset.challenge = name;
  if (name === chosen) made.setAttribute("aria-current", "true");
  const stars = document.createElement("i");
  stars.setAttribute("role", "img");
  made.append(Object.assign(document.createElement("b"), { textContent: title }), stars);
  made.addEventListener("click", () => root.opened(name));
  return made;
}

function markAll(root, words) {
  const best = bests();
  for (const made of root.querySelectorAll("button")) {
    const n = Math.max(0, Math.min(MOST, Number(best[made.dataset.challenge]) || 0));
    const stars = made.querySelector("i");
    stars.textContent = "★".repeat(n) + "☆".repeat(MOST - n);
    stars.setAttribute("aria-label", n ? words.stars.replace("{n}", n) : words.none);
  }
}
