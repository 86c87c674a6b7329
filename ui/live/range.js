// A slider that follows the finger. Its next value leaves when the picture of the last one has arrived, and that of the
// one before is drawn: so the server works while the browser draws, the picture moves while the hand does, at whatever
// pace both can keep, and nothing piles up. A knob of the look (`look`, `values`) is turned in the browser, where the
// figures have what all its stops show: the server hears of it when it is let go. While it is held the address stands
// still: a drag is one step of the browser's history, and writing the address takes the browser as long as a small
// figure.

const LATE = 2000; // ms after which an answer is no longer waited for
const LITTLE = 300; // ms that a run may still take whose end nobody tells
const SOON = 500; // ms after which the figures that came with it have arrived too
const made = new WeakMap(); // the component's root -> its knob

function receive({ parentElement, data: [data], setTriggerValue }) {
  let knob = made.get(parentElement);
  if (!knob) made.set(parentElement, (knob = create(parentElement)));
  if (data.drawn !== knob.drawn) knob.wanted = undefined; // what was wanted was of another Scene
  Object.assign(knob, data, { trigger: setTriggerValue });
  knob.name.textContent = data.label;
  knob.name.title = knob.input.title = data.help;
  knob.input.setAttribute("aria-label", data.label);
  knob.input.max = data.texts.length - 1;
  knob.input.disabled = data.disabled;
  if (idle(knob)) place(knob, data.at);
  listen(knob);
}

function create(parent) {
  const root = document.createElement("label");
  const [name, value, input] = ["span", "output", "input"].map((kind) => document.createElement(kind));
  input.type = "range";
  root.append(name, value, input);
  parent.append(root);
  const knob = { name, value, input, heard: 0, held: false, arrived: 0, undrawn: 0, pictures: 0, grip: 0 };
  const runs = onState(() => (input.isConnected ? listen(knob) : runs.disconnect()));
  const want = () => {
    knob.wanted = +input.value;
    send(knob);
  };
  const turned = () => {
    const here = shows(knob);
    if (here && knob.held) knob.quiet = true;
    else want();
  };
  input.addEventListener("input", () => {
    place(knob, +input.value);
    if (!knob.undecided) turned();
  });
  input.addEventListener("keydown", () => (knob.grip = 0));
  input.addEventListener("pointerdown", ({ pointerType, clientX, clientY }) => {
    const before = +input.value;
    knob.held = true;
    knob.grip = Date.now(); // all turns until the next grip, or key, are one move
    knob.undecided = pointerType === "touch"; // a finger may have come to scroll the page
    const over = new AbortController();
    const on = (event, act) => addEventListener(event, act, { capture: true, signal: over.signal });
    const decide = () => {
      if (knob.undecided && +input.value !== before) turned();
      knob.undecided = false;
    };
    const letGo = () => {
      over.abort();
      knob.held = false;
      if (knob.quiet) want();
    };
    on("pointermove", (to) => Math.abs(to.clientX - clientX) > Math.abs(to.clientY - clientY) && decide());
    on("pointerup", () => {
      decide();
      letGo();
    });
    on("pointercancel", () => {
      const decided = !knob.undecided;
      knob.undecided = false;
      place(knob, before);
      if (decided) turned();
      letGo();
    });
  });
  return knob;
}

function place({ input, value, texts }, at) {
  input.value = at;
  input.style.setProperty("--done", at / Math.max(1, texts.length - 1));
  value.textContent = texts[at];
  input.setAttribute("aria-valuetext", texts[at]);
}

function send(knob) {
  if (knob.wanted === undefined || knob.sent !== undefined || knob.undrawn > 1) return;
  const at = knob.wanted;
  knob.wanted = undefined;
  knob.sent = Date.now();
  knob.late = setTimeout(() => arrive(knob), LATE);
  knob.quiet = knob.held;
  knob.trigger("turn", { at, n: knob.sent, held: knob.held, grip: knob.grip, drawn: knob.drawn });
}

// A picture has arrived when its own value has come back and the run is over; where nobody says that, a little later.
function listen(knob) {
  const state = scriptState();
  if (knob.sent === undefined || knob.heard !== knob.sent || state === "running") return;
  if (state) return arrive(knob);
  clearTimeout(knob.late);
  knob.late = setTimeout(arrive, LITTLE, knob);
}

function arrive(knob) {
  clearTimeout(knob.late);
  knob.sent = undefined;
  knob.arrived += 1;
  knob.undrawn += 1;
  send(knob);
  setTimeout(drawn, 0, knob, knob.arrived); // by then the figures have what came with it
}

// A picture that was overtaken before it was drawn does not count.
async function drawn(knob, number) {
  await window.fibraFigures?.settled?.();
  knob.undrawn -= 1;
  if (number === knob.arrived) knob.input.dataset.pictures = knob.pictures += 1;
  send(knob);
  if (!idle(knob)) return; // the server's word is the last
  place(knob, knob.at);
  if (knob.look) setTimeout(() => idle(knob) && window.fibraFigures?.look?.(knob.look), SOON);
}

// Have the figures follow by themselves, as fast as they draw. False where none can.
function shows(knob) {
  const { look, values, input } = knob;
  if (!look || !window.fibraFigures?.look?.(look, values[+input.value], input)) return false;
  if (!knob.following) follow(knob);
  return true;
}

async function follow(knob) {
  const { look, values, input } = knob;
  knob.following = true;
  for (let shown; shown !== input.value; input.dataset.pictures = knob.pictures += 1) {
    shown = input.value;
    window.fibraFigures.look(look, values[+shown], input);
    await window.fibraFigures.settled();
    await new Promise(requestAnimationFrame); // until it is painted
  }
  knob.following = false;
}

function idle(knob) {
  return knob.wanted === undefined && knob.sent === undefined && !(knob.look && knob.held);
}
