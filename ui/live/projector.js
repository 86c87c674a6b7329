// Before a class: a bar at the lower edge, and over the page one of its pictures, as large as the screen. A picture is
// taken to the browser's top layer where it stands, so that it stays what it is: it is redrawn, clicked and covered there.

const BEAT = 400; // ms after which what was turned is told to the server, and pictures that came late are found
const KEYS = { PageDown: 1, ArrowRight: 1, ArrowDown: 1, PageUp: -1, ArrowLeft: -1, ArrowUp: -1 };
const WRITES = "input, select, textarea, [contenteditable=true], [role=slider], [role=radio], [role=tab], [role=option], [role=combobox]";

let show = null; // what is shown: one a page
const made = new WeakMap(); // the component's root -> what stands in it

export default function ({ parentElement, data, setTriggerValue }) {
  show = made.get(parentElement) ?? create(parentElement, data);
  made.set(parentElement, show);
  Object.assign(show, { labels: data.labels, trigger: setTriggerValue });
  if (!show.untold) show.at = data.at; // what the reader turned meanwhile is newer
  document.documentElement.dataset.projector = show.at;
  if (!window.fibraProjector) document.addEventListener("keydown", (window.fibraProjector = press));
  show.beat ??= setInterval(sync, BEAT);
  name(show);
  sync();
  const mine = show;
  return () => parentElement.isConnected || leave(mine); // it is asked for at each new run too
}

function create(parent, { at }) {
  const bar = Object.assign(document.createElement("nav"), { popover: "manual" });
  const dark = Object.assign(document.createElement("div"), { popover: "manual", className: "dark" });
  const made = { at, bar, dark, buttons: {}, place: document.createElement("p") };
  dark.setAttribute("role", "status");
  dark.addEventListener("click", () => blank(false));
  made.place.setAttribute("aria-live", "polite");
  for (const [what, deed] of [
    ["previous", () => step(-1)],
    ["next", () => step(1)],
    ["blank", () => blank(true)],
    ["leave", () => tell(null)],
  ]) {
    const button = (made.buttons[what] = Object.assign(document.createElement("button"), { type: "button" }));
    button.dataset.projector = what;
    button.addEventListener("click", deed);
    bar.append(button);
    if (what === "previous") bar.append(made.place);
  }
  parent.append(bar, dark);
  return made;
}

function name({ bar, buttons, labels }) {
  bar.setAttribute("aria-label", labels.title);
  for (const [what, button] of Object.entries(buttons)) button.textContent = labels[what];
}

// The pictures of the page, in its order: what has a place on it now.
function pictures() {
  const seen = (part) => part.checkVisibility(); // a place may have no box of its own, its parts one each
  return [...document.querySelectorAll(".fibra-place[data-figure]")].filter((place) => [place, ...place.children].some(seen));
}

function step(by) {
  turn(show.at + by);
}

// To the picture number `at`; 0 is the whole page.
function turn(at) {
  const last = pictures().length;
  const next = Math.max(0, Math.min(at, last));
  if (next === show.at) return;
  show.at = next;
  show.untold = Date.now();
  sync();
}

// What is on the screen is what was turned to, whatever has been drawn anew meanwhile.
function sync() {
  if (!show || show.left) return;
  const all = pictures();
  const at = Math.min(show.at, all.length);
  const place = all[at - 1];
  document.documentElement.dataset.projector = at;
  const changed = show.shown !== place || (place && !place.matches(":popover-open"));
  if (changed) put(place);
  if (changed || !show.bar.matches(":popover-open")) onTop(show.bar);
  const title = place?.querySelector(".fibra-step")?.textContent.trim() ?? "";
  const text = `${place ? title : show.labels.page} · ${at} / ${all.length}`.replace(/^ · /, "");
  if (show.place.textContent !== text) show.place.textContent = text;
  show.buttons.previous.disabled = at === 0;
  show.buttons.next.disabled = at === all.length;
  if (show.untold && Date.now() - show.untold >= BEAT) tell(show.at);
}

function put(place) {
  if (show.shown && show.shown !== place) takeBack(show.shown);
  show.shown = place;
  if (!place) return;
  place.popover = "manual";
  attempt("one picture at a time", () => place.showPopover());
}

function takeBack(place) {
  place.removeAttribute("popover");
}

// The last one that is opened lies above the others; the keyboard stays where it is.
function onTop(part) {
  const focused = part.getRootNode().activeElement;
  if (part.matches(":popover-open")) part.hidePopover();
  part.showPopover();
  if (part.contains(focused)) focused.focus();
}

function blank(dark) {
  show.dark.textContent = dark ? show.labels.dark : "";
  if (dark) onTop(show.dark);
  else if (show.dark.matches(":popover-open")) show.dark.hidePopover();
}

function press(event) {
  if (!show || show.left || event.ctrlKey || event.metaKey || event.altKey) return;
  const path = event.composedPath();
  if (path.some((part) => part.localName === "dialog") || path[0].matches?.(WRITES)) return;
  const by = KEYS[event.key];
  const darkens = [".", "b", "B"].includes(event.key);
  if (!by && !darkens && event.key !== "Escape") return;
  event.preventDefault();
  if (show.dark.matches(":popover-open")) blank(false);
  else if (darkens) blank(true);
  else if (by) step(by);
  else tell(null);
}

// What was turned before needs no more telling: told later, it would bring back whoever has left.
function tell(at) {
  show.untold = 0;
  show.trigger("turn", [at, Date.now()]);
}

// The server draws the bar no more: all is as it was.
function leave(one) {
  one.left = true;
  clearInterval(one.beat);
  one.beat = undefined;
  if (one.shown) takeBack(one.shown);
  if (show === one) {
    show = null;
    delete document.documentElement.dataset.projector;
  }
}
