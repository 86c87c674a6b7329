// The card that explains a number. Its links are real addresses; a click is reported instead, so that the session goes on.
// Its lists and fields (pictures/explained/places.py) say another place in the same array.

const RECENTLY = 5000; // ms: what a reader did so lately, the card that is drawn now follows from
const PHONE = matchMedia("(max-width: 640px)");

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".fibra-explained") ?? create(parentElement);
  root.tell = (way) => {
    root.used = performance.now();
    setTriggerValue("open", { way, at: Date.now() });
  };
  if (root.shown === data.html) return;
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  root.innerHTML = root.shown = data.html;
  // Whoever went on by keyboard goes on here.
  const next = held?.dataset.axis && root.querySelector(`[data-axis="${held.dataset.axis}"]`);
  if (held) (next || root.querySelector("[aria-current]"))?.focus({ preventScroll: true });
  root.dataset.drawn = 1 + Number(root.dataset.drawn ?? 0);
  standBeside(root);
}

// Not over the picture whose number it explains, but on the other side of the page; on a phone, where there is none,
// the picture moves up. While the reader goes on inside the card it stays where it is.
function standBeside(root) {
  const card = root.closest(".st-key-explained-card");
  const chosen = clicked(root.used);
  const figure = chosen ?? document.querySelector(".fibra-ringed");
  if (!card || !figure || (lately(root.used) && !chosen)) return;
  const { left, right, bottom } = figure.getBoundingClientRect();
  const page = card.parentElement.getBoundingClientRect();
  const room = { left: left - page.left, right: page.right - right };
  card.dataset.side = room.right < card.offsetWidth && room.left > room.right ? "left" : "right";
  const hidden = bottom > card.getBoundingClientRect().top;
  if (PHONE.matches && chosen && hidden) figure.scrollIntoView({ block: "start" });
}

// The figure that the reader has just clicked, since the card was used.
function clicked(used = 0) {
  const { figure, at } = window.fibraFigures?.clicked ?? {};
  return lately(at) && at > used && figure.isConnected ? figure : null;
}

function lately(at) {
  return performance.now() - at < RECENTLY;
}

function create(parent) {
  const root = document.createElement("div");
  root.className = "fibra-explained";
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as the reader asked
    event.preventDefault();
    root.tell(link.dataset.way);
  });
  root.addEventListener("change", (event) => {
    const row = event.target.closest(".fibra-at");
    if (row) root.tell(chosen(row));
  });
  root.addEventListener("keydown", (event) => event.key === "Escape" && root.tell(""));
  parent.append(root);
  const beside = () => (root.isConnected ? standBeside(root) : removeEventListener("fibra-ringed", beside));
  addEventListener("fibra-ringed", beside); // at first there is a card before there are figures
  return root;
}

// The number that the lists and fields say, as an address writes it.
function chosen(row) {
  const { family, index } = row.dataset;
  const place = { layer: row.dataset.layer };
  for (const one of row.querySelectorAll("[data-axis]")) {
    const most = one.max === undefined ? Infinity : Number(one.max);
    place[one.dataset.axis] = Math.min(most, Math.max(0, Math.round(Number(one.value)) || 0));
  }
  const own = index.split(".").map((at, axis) => place[axis] ?? at);
  return `${family.replace("*", place.layer)}:${own.join(".")}`;
}
