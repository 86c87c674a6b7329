// A row of shares as bars that are dragged: what one takes, the others give, so that together they are always the whole.
// The sliders beside them are the same for a keyboard and for who hears the page, so the bars are hidden from those.

const made = new WeakMap(); // the component's root -> its bars

export default function ({ parentElement, data, setTriggerValue }) {
  let bars = made.get(parentElement);
  if (!bars) made.set(parentElement, (bars = create(parentElement)));
  Object.assign(bars, data, { trigger: setTriggerValue });
  if (bars.rows.length !== data.shares.length) bars.root.replaceChildren(...(bars.rows = data.shares.map((_, i) => row(bars, i))));
  if (!bars.held) paint(bars, data.shares);
}

function create(parent) {
  const root = document.createElement("div");
  root.className = "bars";
  root.setAttribute("aria-hidden", "true");
  parent.append(root);
  return { root, rows: [], held: false };
}

function row(bars, i) {
  const line = document.createElement("div");
  const [name, track, text] = ["span", "div", "output"].map((kind) => document.createElement(kind));
  track.className = "track";
  track.append(document.createElement("i"));
  line.append(name, track, text);
  track.addEventListener("pointerdown", (down) => {
    if (down.button) return;
    const before = bars.shares;
    bars.held = true;
    track.setPointerCapture(down.pointerId);
    const over = new AbortController();
    const on = (event, act) => track.addEventListener(event, act, { signal: over.signal });
    const take = ({ clientX }) => {
      const { left, width } = track.getBoundingClientRect();
      const share = Math.round((bars.whole * (clientX - left)) / width);
      paint(bars, rebalanced(before, i, Math.min(bars.whole, Math.max(0, share)), bars.whole));
    };
    const letGo = (up) => {
      over.abort();
      bars.held = false;
      if (up.type === "pointercancel") return paint(bars, before); // a finger that scrolls the page
      take(up);
      bars.trigger("share", [i, bars.shown[i], Date.now()]);
    };
    on("pointermove", take);
    on("pointerup", letGo);
    on("pointercancel", letGo);
  });
  return line;
}

function paint(bars, shares) {
  bars.shown = shares;
  bars.rows.forEach(({ children: [name, track, text] }, i) => {
    name.textContent = bars.names[i];
    track.firstChild.style.width = `${(100 * shares[i]) / bars.whole}%`;
    text.textContent = bars.texts[shares[i]];
  });
}

// As `rebalanced` in ui/checks/guess.py, whose word is the last.
function rebalanced(shares, moved, value, whole) {
  const others = [...shares.keys()].filter((i) => i !== moved);
  if (!others.length) return [whole];
  const left = whole - value;
  const before = others.reduce((sum, i) => sum + shares[i], 0);
  const exact = shares.map((share) => (before ? (left * share) / before : left / others.length));
  const found = exact.map(Math.floor);
  found[moved] = value;
  const rest = whole - found.reduce((sum, share) => sum + share, 0);
  others.sort((a, b) => found[a] - exact[a] - (found[b] - exact[b]));
  for (const i of others.slice(0, rest)) found[i] += 1;
  return found;
}
