// The reader's moves as a row of buttons, and by keyboard; and a button for the sheet by which the screen is shared.

const ICONS = {
  undo: '<path d="M9 14 4 9l5-5"/><path d="M4 9h10a6 6 0 0 1 0 12h-3"/>',
  redo: '<path d="m15 14 5-5-5-5"/><path d="M20 9H10a6 6 0 0 0 0 12h3"/>',
  pin: '<path d="M9 3h6l-1 7 4 4H6l4-4-1-7ZM12 14v7"/>',
  reset: '<path d="M4 4v6h6"/><path d="M4.6 10A8 8 0 1 1 4 14"/>',
  share: '<circle cx="6" cy="12" r="2.5"/><circle cx="18" cy="5" r="2.5"/><circle cx="18" cy="19" r="2.5"/><path d="m8.2 10.8 7.6-4.6M8.2 13.2l7.6 4.6"/>',
};
const FORGOTTEN = 30_000; // ms after which a move that was never answered is not made any more
const made = new WeakMap(); // the component's root -> its row

export default function ({ parentElement, data, setTriggerValue }) {
  let row = made.get(parentElement);
  if (!row) made.set(parentElement, (row = create(parentElement)));
  Object.assign(row, data, { trigger: setTriggerValue });
  row.queue = row.queue.filter(([number]) => number > data.heard);
  for (const [name, button] of Object.entries(row.buttons)) label(row, button, name, name);
  row.buttons.pin.setAttribute("aria-pressed", data.pinned);
  window.fibraMove = (name) => move(row, name);
}

function create(parent) {
  if (!window.fibraKeys) document.addEventListener("keydown", (window.fibraKeys = pressMove));
  const root = document.createElement("div");
  root.setAttribute("role", "toolbar");
  const row = { buttons: {}, queue: [], last: 0 };
  for (const name of ["undo", "redo", "pin", "reset", "share"]) {
    const button = (row.buttons[name] = document.createElement("button"));
    button.type = "button";
    button.dataset.move = name;
    button.append(document.createElement("span"), document.createElement("span"));
    button.addEventListener("click", () => (name === "share" ? row.trigger("share", [Date.now(), address()]) : move(row, name)));
    root.append(button);
  }
  parent.append(root);
  return row;
}

function label({ labels, helps }, button, icon, name) {
  button.firstChild.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[icon]}</svg>`;
  button.lastChild.textContent = labels[name];
  button.title = helps[name] ?? labels[name];
}

// Of messages that wait for the server the last one is kept; so each tells of all moves that were not answered yet.
function move(row, name) {
  row.last = Math.max(row.last + 1, Date.now());
  row.queue = [...row.queue.filter(([number]) => number > row.last - FORGOTTEN), [row.last, name]];
  row.trigger("move", row.queue);
}

function address() {
  return location.href.replace("/~/+/", "/"); // Community Cloud serves the app in a frame under that path
}

// ---- Undo and redo by keyboard. In a text that is being written the keys are the browser's own. (The shortcuts that
// Streamlit's buttons can have are taken there too.)

function pressMove(event) {
  const [target] = event.composedPath();
  const writing = target.isContentEditable || target.matches?.("textarea, input:not([type=range], [type=checkbox])");
  if (writing || event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  window.fibraMove?.(event.shiftKey ? "redo" : "undo");
}
