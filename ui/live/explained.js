// The card that explains a number. Its links are real addresses; a click is reported instead, so that the session goes on.
// Its lists and fields (pictures/explained/places.py) say another place in the same array.

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".fibra-explained") ?? create(parentElement);
  root.tell = (way) => setTriggerValue("open", { way, at: Date.now() });
  if (root.shown === data.html) return;
  const held = root.contains(document.activeElement) ? document.activeElement : null;
  root.innerHTML = root.shown = data.html;
  // Whoever went on by keyboard goes on here.
  const next = held?.dataset.axis && root.querySelector(`[data-axis="${held.dataset.axis}"]`);
  if (held) (next || root.querySelector("[aria-current]"))?.focus({ preventScroll: true });
  root.dataset.drawn = 1 + Number(root.dataset.drawn ?? 0);
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
