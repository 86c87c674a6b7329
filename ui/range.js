// A slider that follows the finger. Its next value leaves when the picture of the last one has been drawn: so the
// picture moves while the hand does, at whatever pace the server and the browser can keep, and nothing piles up.

const LATE = 2000; // ms after which an answer is no longer waited for
const made = new WeakMap(); // the component's root -> its knob

export default function ({ parentElement, data, setTriggerValue }) {
  let knob = made.get(parentElement);
  if (!knob) made.set(parentElement, (knob = create(parentElement)));
  Object.assign(knob, data, { trigger: setTriggerValue });
  knob.name.textContent = data.label;
  knob.name.title = knob.input.title = data.help;
  knob.input.setAttribute("aria-label", data.label);
  knob.input.max = data.texts.length - 1;
  knob.input.disabled = data.disabled;
  if (knob.wanted === undefined && knob.sent === undefined) place(knob, data.at);
}

function create(parent) {
  const root = document.createElement("label");
  const [name, value, input] = ["span", "output", "input"].map((kind) => document.createElement(kind));
  input.type = "range";
  root.append(name, value, input);
  parent.append(root);
  const knob = { name, value, input, heard: 0, pictures: 0 };
  input.addEventListener("input", () => {
    place(knob, +input.value);
    knob.wanted = +input.value;
    if (knob.sent === undefined) send(knob);
  });
  return knob;
}

function place({ input, value, texts }, at) {
  input.value = at;
  input.style.setProperty("--done", at / Math.max(1, texts.length - 1));
  value.textContent = texts[at];
  input.setAttribute("aria-valuetext", texts[at]);
}

async function send(knob) {
  while (knob.wanted !== undefined) {
    knob.sent = Date.now();
    knob.trigger("turn", { at: knob.wanted, n: knob.sent });
    knob.wanted = undefined;
    await answered(knob);
    knob.input.dataset.pictures = knob.pictures += 1;
  }
  knob.sent = undefined;
  place(knob, knob.at); // the server's word is the last
}

// Its own value has come back, the run is over, and all figures in sight are drawn.
async function answered(knob) {
  const app = document.querySelector(".stApp");
  const arrived = () => knob.heard === knob.sent && app?.dataset.testScriptState !== "running";
  while (!arrived() && Date.now() - knob.sent < LATE && knob.input.isConnected) await frame();
  await window.fibraFigures?.settled?.();
}

// A tab in the background has no frames, but time goes on there too.
function frame() {
  return new Promise((done) => {
    requestAnimationFrame(done);
    setTimeout(done, 100);
  });
}
