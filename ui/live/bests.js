// The challenges as cards, with the most stars that this browser has seen. Nothing of it leaves the browser.

const PLACE = "fibra-challenges"; // in localStorage: name -> stars
const MOST = 3;
const FEW = 4; // cards that stand below one another: more take two columns
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

// Once one is chosen the list folds away, and what is played stands below its one line.
function draw(root, { groups, chosen, words }) {
  const focused = root.getRootNode().activeElement;
  const held = focused?.dataset.challenge;
  const list = document.createElement("div");
  list.append(...groups.map(({ title, cards }) => {
    const group = document.createElement("section");
    const within = document.createElement("div");
    within.append(...cards.map((card) => button(root, card, chosen)));
    if (cards.length > FEW) group.className = "many";
    group.append(Object.assign(document.createElement("h2"), { textContent: title }), within);
    return group;
  }));
  root.replaceChildren(...(chosen ? [folding(root, list, groups, chosen, words)] : []), list);
  if (held ?? focused) (chosen ? root.querySelector("[aria-expanded]") : root.querySelector(`[data-challenge="${held}"]`))?.focus();
}

function folding(root, list, groups, chosen, words) {
  const line = document.createElement("nav");
  const all = Object.assign(document.createElement("button"), { type: "button", textContent: words.all });
  const fold = (folded) => all.setAttribute("aria-expanded", String(!(list.hidden = folded)));
  all.addEventListener("click", () => fold(!list.hidden));
  fold(true);
  line.append(all);
  const cards = groups.flatMap(({ cards }) => cards);
  const next = cards[cards.findIndex(({ name }) => name === chosen) + 1];
  if (next) {
    const on = Object.assign(document.createElement("button"), { type: "button", className: "next" });
    on.textContent = words.next.replace("{title}", () => next.title);
    on.addEventListener("click", () => root.opened(next.name));
    line.append(on);
  }
  return line;
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
  for (const made of root.querySelectorAll("[data-challenge]")) {
    const n = Math.max(0, Math.min(MOST, Number(best[made.dataset.challenge]) || 0));
    const stars = made.querySelector("i");
    stars.textContent = "★".repeat(n) + "☆".repeat(MOST - n);
    stars.setAttribute("aria-label", n ? words.stars.replace("{n}", n) : words.none);
  }
}
