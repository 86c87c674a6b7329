// The sheet by which the screen is shared: links, a code to be read from the wall, a frame for a course page, the pictures.

const DONE = 2000; // ms for which a button says that it has copied

export default function ({ parentElement, data, setTriggerValue }) {
  if (parentElement.querySelector("dialog")) return;
  const dialog = make("dialog");
  const close = make("button", data.labels.close, { type: "button", className: "close" });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => setTriggerValue("close", data.number));
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close()); // beside the sheet
  dialog.setAttribute("aria-label", data.labels.title);
  const sheet = make("section");
  sheet.append(close, make("h2", data.labels.title), text(dialog, data, "link", data.address));
  if (data.short) sheet.append(text(dialog, data, "short", data.short));
  sheet.append(code(data), text(dialog, data, "frame", frame(data.address)));
  sheet.append(make("p", data.labels.frame_warning, { className: "about" }), ...pictures(data.labels));
  sheet.append(projector(data, () => setTriggerValue("project", data.number), dialog));
  dialog.append(sheet);
  parentElement.append(dialog);
  dialog.showModal();
}

function make(kind, content = "", more = {}) {
  return Object.assign(document.createElement(kind), { textContent: content, ...more });
}

// A text to be copied, under its name.
function text(dialog, { labels }, name, value) {
  const row = make("div", "", { className: "row" });
  const field = make("input", "", { value, readOnly: true, id: name });
  const copy = make("button", labels.copy, { type: "button" });
  copy.dataset.copy = name;
  copy.setAttribute("aria-live", "polite");
  field.addEventListener("focus", () => field.select());
  copy.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(value).then(() => true, () => false);
    if (copied || bySelection(field)) said(copy, labels.copied, labels.copy);
  });
  row.append(make("label", labels[name], { htmlFor: name }), field, copy);
  return row;
}

// Over plain http, as in a school's network, there is no clipboard.
function bySelection(field) {
  field.focus();
  field.select();
  return document.execCommand("copy");
}

function said(button, done, usual) {
  button.textContent = done;
  setTimeout(() => (button.textContent = usual), DONE);
}

// The code; a click, Enter or Escape makes it as large as the screen, and small again. The SVG is the server's own.
function code({ labels, qr, note }) {
  const place = make("div", "", { className: "code" });
  if (qr) {
    const button = make("button", "", { type: "button", title: labels.larger, innerHTML: qr });
    button.setAttribute("aria-label", labels.larger);
    button.addEventListener("click", () => button.classList.toggle("large"));
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !button.classList.contains("large")) return;
      event.preventDefault();
      button.classList.remove("large");
    });
    place.append(button);
  }
  place.append(make("p", note, { className: "about" }));
  return place;
}

// The same screen before a class.
function projector({ labels, projector_help }, begin, dialog) {
  const row = make("div", "", { className: "row" });
  const button = make("button", labels.projector, { type: "button" });
  button.dataset.projector = "begin";
  button.addEventListener("click", () => {
    begin();
    dialog.close();
  });
  row.append(button, make("p", projector_help, { className: "about" }));
  return row;
}

function frame(address) {
  const embedded = new URL(address);
  embedded.searchParams.set("embed", "true");
  embedded.searchParams.append("embed_options", "light_theme");
  return `<iframe src="${embedded.href.replaceAll("&", "&amp;")}" width="100%" height="800" style="border:0" allow="clipboard-write"></iframe>`;
}

// ---- The pictures

function pictures(labels) {
  const found = window.fibraFigures?.pictures?.() ?? [];
  if (!found.length) return [];
  const row = make("div", "", { className: "row" });
  const choice = make("select", "", { id: "picture" });
  choice.append(...found.map(({ name }, index) => make("option", name, { value: index })));
  const status = make("p", "", { className: "about" });
  status.setAttribute("role", "status");
  const act = (name, deed) => {
    const button = make("button", labels[name], { type: "button" });
    button.dataset.picture = name;
    button.addEventListener("click", () => deed(found[choice.value], button));
    return button;
  };
  const copy = async (picture, button) => {
    const copied = await attempt(() => picture.copy());
    if (copied) said(button, labels.copied, labels.clipboard);
    status.textContent = copied ? "" : labels.no_clipboard;
  };
  row.append(make("label", labels.picture, { htmlFor: "picture" }), choice);
  row.append(act("png", (picture) => picture.save("png")), act("svg", (picture) => picture.save("svg")), act("clipboard", copy));
  return [row, status];
}

async function attempt(deed) {
  try {
    await deed();
    return true;
  } catch {
    return false;
  }
}
