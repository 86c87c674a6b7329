// Three doors for a first visitor, and the tour behind the first of them: it points at real controls, and goes on when
// they were used, which the page's address tells.

const BEEN = "fibra-been"; // in localStorage, from the first door or the first other page on
const BEAT = 250; // ms
const TRIES = 4; // to bring a control into view
const SCROLLED = 1000; // ms that one takes
const DOORS = ["show", "lessons", "free"];
// Where each step of the tour points, and when it is done: on a page, with or without something in the address, or with
// another address than it began with.
const STEPS = [
  ["enter", '.fibra-start a[data-array*="pattern"]', { page: "attention" }],
  ["cell", '[data-figure="attention-pattern"]', { changed: true }],
  ["number", '[class*="st-key-knob-coordinate"]', { has: "edits" }],
  ["undo", ".st-key-moves", { lacks: "edits" }],
  ["fibres", '.st-key-menu a[href*="fibres"]', { page: "fibres" }],
  ["end", "", {}],
];
const fresh = !location.search && !remembered();
const made = new WeakMap(); // the component's root -> its row

export default function ({ parentElement, data, setTriggerValue }) {
  const holder = parentElement.host ?? parentElement;
  if (!fresh || remembered()) return hideElement(holder);
  let row = made.get(parentElement);
  if (!row) made.set(parentElement, (row = parentElement.appendChild(document.createElement("nav"))));
  const said = JSON.stringify(data);
  if (row.said !== said) draw(row, data);
  row.said = said;
  row.take = (door) => {
    remember();
    hideElement(holder);
    setTriggerValue("door", [door, Date.now()]);
    if (door === "show") begin(data);
    if (door === "free") document.querySelector('[class*="st-key-knob-sentence"] input')?.focus();
  };
  return () => parentElement.isConnected || remember(); // another page was opened
}

function remembered() {
  return attempt("what this browser remembers", () => localStorage.getItem(BEEN) !== null) ?? true;
}

function remember() {
  attempt("remembering a visit", () => localStorage.setItem(BEEN, "1"));
}

function draw(row, { labels }) {
  row.setAttribute("aria-label", labels.title);
  row.replaceChildren(make("p", labels.greeting), ...DOORS.map((door) => {
    const button = make("button", "", { type: "button" });
    button.dataset.door = door;
    button.append(make("b", labels[door]), make("small", labels[`${door}_about`]));
    button.addEventListener("click", () => row.take(door));
    return button;
  }));
}

function make(kind, content = "", more = {}) {
  return Object.assign(document.createElement(kind), { textContent: content, ...more });
}

// ---- The tour. It stands in the document itself, so that it goes along from page to page.

function begin({ labels, steps }) {
  const tour = { labels, steps, at: -1, box: make("section", "", { className: "fibra-tour" }) };
  tour.ring = make("div", "", { className: "fibra-tour-ring" });
  tour.says = make("p");
  tour.place = make("small");
  tour.says.setAttribute("aria-live", "polite");
  tour.box.setAttribute("aria-label", labels.show);
  tour.on = make("button", labels.on, { type: "button" });
  tour.on.dataset.tour = "on";
  tour.on.addEventListener("click", () => next(tour));
  const leave = make("button", labels.leave, { type: "button" });
  leave.dataset.tour = "leave";
  leave.addEventListener("click", () => end(tour));
  tour.box.append(tour.place, tour.says, tour.on, leave);
  document.body.append(tour.ring, tour.box);
  tour.beat = setInterval(() => look(tour), BEAT);
  next(tour);
}

function next(tour) {
  tour.at += 1;
  if (tour.at >= STEPS.length) return end(tour);
  const [name] = STEPS[tour.at];
  tour.search = location.search;
  [tour.tries, tour.again] = [TRIES, 0];
  tour.says.textContent = tour.steps[name];
  tour.place.textContent = tour.labels.place.replace("{n}", tour.at + 1).replace("{steps}", STEPS.length);
  tour.on.hidden = tour.at === STEPS.length - 1;
  look(tour);
}

function end(tour) {
  clearInterval(tour.beat);
  tour.box.remove();
  tour.ring.remove();
}

function look(tour) {
  const [, target, done] = STEPS[tour.at];
  if (isDone(done, tour)) return next(tour);
  const part = target ? [...document.querySelectorAll(target)].find((found) => boxOf(found)) : undefined;
  const box = part && boxOf(part);
  tour.ring.hidden = !box;
  if (!box) return;
  const hidden = box.top < 0 || box.top + Math.min(box.height, innerHeight / 2) > innerHeight;
  if (hidden && tour.tries > 0 && Date.now() >= tour.again) bring(tour, part);
  for (const side of ["left", "top", "width", "height"]) tour.ring.style[side] = `${box[side]}px`;
  tour.box.classList.toggle("above", box.top + box.height / 2 > innerHeight / 2);
}

// A page that is still being drawn moves what was brought into view; a reader who scrolls away is left alone.
function bring(tour, part) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  (part.getBoundingClientRect().width ? part : part.firstElementChild).scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
  tour.tries -= 1;
  tour.again = Date.now() + SCROLLED;
}

// Of a part without a box of its own, that of its parts; none of what is not drawn.
function boxOf(part) {
  const drawn = ({ width, height }) => width && height;
  const own = part.getBoundingClientRect();
  const boxes = drawn(own) ? [own] : [...part.children].map((one) => one.getBoundingClientRect()).filter(drawn);
  if (!boxes.length) return undefined;
  const [left, top] = ["left", "top"].map((side) => Math.min(...boxes.map((box) => box[side])));
  const [right, bottom] = ["right", "bottom"].map((side) => Math.max(...boxes.map((box) => box[side])));
  return { left, top, width: right - left, height: bottom - top };
}

function isDone({ page, has, lacks, changed }, { search }) {
  const query = new URLSearchParams(location.search);
  if (page) return location.pathname.split("/").at(-1) === page;
  if (has) return query.has(has);
  if (lacks) return !query.has(lacks);
  return Boolean(changed) && location.search !== search;
}
