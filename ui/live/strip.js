// The strip of the whole model. Its links are real addresses; a click is reported instead, so that the session goes on.

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".fibra-start") ?? parentElement.appendChild(document.createElement("div"));
  root.explains = data.explains;
  root.onclick = (event) => follow(event, setTriggerValue);
  if (root.shown === data.html) return;
  const places = () => [...root.querySelectorAll("a, button")];
  const focused = places().indexOf(document.activeElement);
  const columns = () => root.querySelectorAll(".column").length;
  const before = columns();
  root.innerHTML = root.shown = data.html;
  root.className = columns() === before ? "fibra-start" : "fibra-start flows";
  places()[focused]?.focus();
  requestAnimationFrame(() => (root.dataset.drawn = 1 + Number(root.dataset.drawn ?? 0)));
}

function follow(event, trigger) {
  if (event.target.closest("[data-write]")) return write();
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as the reader asked
  event.preventDefault();
  const number = event.currentTarget.explains && numberAt(event, link);
  if (number) trigger("number", { ...number, at: Date.now() });
  else trigger("open", { href: link.getAttribute("href"), head: headAt(event), at: Date.now() });
}

// Which number was met, while numbers are explained: a thumbnail's array, and where in it, or in a head's tile, as shares.
function numberAt({ target, clientX, clientY, detail }, link) {
  const { array } = link.dataset;
  if (!detail || !array || !target.matches(".ink, .signed")) return null;
  const { left, top, width, height } = target.getBoundingClientRect();
  const [columns, rows] = (target.dataset.grid ?? "1,1").split(",").map(Number);
  const [x, y] = [((clientX - left) / width) * columns, ((clientY - top) / height) * rows];
  if (runsDown(link)) return { array, head: null, x: y, y: x };
  const head = target.dataset.grid ? Math.floor(y) * columns + Math.floor(x) : null;
  return { array, head, x: x % 1, y: y % 1 };
}

// On a phone the lanes of the stream stand upright.
function runsDown(link) {
  return link.matches(".stream") && getComputedStyle(link.closest(".strip")).flexDirection === "column";
}

// Which tile was met: the picture has so many columns, rows and heads. From the keyboard, none.
function headAt({ target, clientX, clientY, detail }) {
  if (!detail || !target.dataset?.grid) return null;
  const [columns, rows, heads] = target.dataset.grid.split(",").map(Number);
  const { left, top, width, height } = target.getBoundingClientRect();
  const head = Math.floor(((clientY - top) / height) * rows) * columns + Math.floor(((clientX - left) / width) * columns);
  return head >= 0 && head < heads ? head : null;
}

function write() {
  const box = document.querySelector('[class*="st-key-knob-sentence"] input');
  box?.focus();
  box?.select();
}
