// The reader's moves as a row of buttons, and by keyboard; and the link to what is on screen.

const ICONS = {
  undo: '<path d="M9 14 4 9l5-5"/><path d="M4 9h10a6 6 0 0 1 0 12h-3"/>',
  redo: '<path d="m15 14 5-5-5-5"/><path d="M20 9H10a6 6 0 0 0 0 12h3"/>',
  pin: '<path d="M9 3h6l-1 7 4 4H6l4-4-1-7ZM12 14v7"/>',
  reset: '<path d="M4 4v6h6"/><path d="M4.6 10A8 8 0 1 1 4 14"/>',
  copy: '<path d="M10 14a5 5 0 0 0 7.1 0l3-3A5 5 0 0 0 13 4l-1 1M14 10a5 5 0 0 0-7.1 0l-3 3A5 5 0 0 0 11 20l1-1"/>',
  copied: '<path d="m4 12.5 5 5L20 6.5"/>',
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
  for (const name of ["undo", "redo", "pin", "reset", "copy"]) {
    const button = (row.buttons[name] = document.createElement("button"));
    button.type = "button";
    button.dataset.move = name;
    button.append(document.createElement("span"), document.createElement("span"));
    button.addEventListener("click", () => (name === "copy" ? copyLink(row) : move(row, name)));
    root.append(button);
  }
  row.buttons.copy.lastChild.setAttribute("aria-live", "polite");
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

// ---- The link

async function copyLink(row) {
  const button = row.buttons.copy;
  const address = location.href.replace("/~/+/", "/"); // Community Cloud serves the app in a frame under that path
  const copied = await navigator.clipboard?.writeText(address).then(() => true, () => false);
  if (!copied && !copyBySelection(address)) return prompt(row.labels.copy, address);
  button.focus();
  label(row, button, "copied", "copied");
  setTimeout(() => label(row, button, "copy", "copy"), 2000);
}

// Over plain http, as in a school's network, there is no clipboard.
function copyBySelection(address) {
  const area = document.createElement("textarea");
  area.value = address;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied;
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
