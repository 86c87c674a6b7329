// The library behind every figure of the page. It is sent once a page; each board's own script only hands over its
// component. A payload is: four bytes of length, a JSON list of headers of that length, then the figures as JSON, one
// after the other; a header says how many bytes are its figure's.

const CHUNK = "__CHUNK__"; // the file of Streamlit's own frontend that brings Plotly
const CSS = "__CSS__";

// Plotly paints 3-D scenes at twice the screen's resolution, which software that stands in for a graphics card feels.
const plotGlPixelRatio = Math.min(2, Math.max(1.5, devicePixelRatio));
const CONFIG = { displayModeBar: false, displaylogo: false, scrollZoom: false, plotGlPixelRatio };
const COARSE = matchMedia("(pointer: coarse)");
const TOUCH = matchMedia("(any-pointer: coarse)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const plotly = loadPlotly(CHUNK); // beginning now, not with the first figure, saves the time between the two

const boards = new Map(); // the component's element -> what stands on it, by key

// Only what is on the screen, or nearly, is drawn; the rest when the reader scrolls to it.
const NEAR = { rootMargin: "200px" };

function receive({ parentElement, data, setTriggerValue }) {
  if (!boards.has(parentElement)) boards.set(parentElement, new Map());
  const board = boards.get(parentElement);
  unwrap(parentElement);
  let end = 4 + new DataView(data.buffer, data.byteOffset).getUint32(0, true);
  const text = (from, to) => new TextDecoder().decode(data.subarray(from, to));
  const headers = JSON.parse(text(4, end));
  headers.forEach((header, index) => {
    const item = board.get(header.key) ?? create(header);
    board.set(header.key, item);
    if (parentElement.children[index] !== item.place) parentElement.insertBefore(item.place, parentElement.children[index]);
    item.trigger = setTriggerValue;
    item.take(header, text(end, (end += header.size)));
  });
  const keys = new Set(headers.map(({ key }) => key));
  for (const [key, item] of board) if (!keys.has(key) && board.delete(key)) discard(item);
}

function create(header) {
  const place = element("div", "fibra-place");
  place.dataset.figure = header.key;
  return header.html === undefined ? createFigure(place) : createText(place);
}

function createFigure(place) {
  const root = element("div", "fibra-figure");
  const plot = element("div", "fibra-plot");
  const title = element("p", "fibra-step");
  const caption = element("p", "fibra-says");
  const flat = Object.assign(element("p", "fibra-flat"), { hidden: true });
  const theme = element("span", "fibra-theme");
  const tools = element("div", "fibra-tools");
  const figure = { place, root, plot, title, caption, flat, drawn: 0, shown: {}, scenes: new Map(), late: 0, work: Promise.resolve() };
  figure.take = (header, text) => {
    const fresh = text !== figure.text || outlineOf(header) !== outlineOf(figure.header);
    Object.assign(figure, { header, text });
    describe(figure);
    if (fresh) wake(figure);
  };
  plot.setAttribute("role", "img");
  figure.turn = button(tools, "↻", () => turn(figure));
  figure.png = button(tools, "PNG", () => save(figure, "png"));
  figure.svg = button(tools, "SVG", () => save(figure, "svg"));
  figure.turn.hidden = true;
  theme.addEventListener("transitionend", () => anew(figure));
  for (const kind of ["wheel", "touchstart", "touchmove", "touchend"]) {
    root.addEventListener(kind, (event) => leaveToPage(figure, event), { capture: true, passive: true });
  }
  const moved = () => {
    const scenes = graphicsOf(plot);
    scenes.forEach(stir);
    if (held && scenes.length) coarsen(figure);
  };
  for (const kind of ["pointerdown", "pointermove", "touchmove"]) root.addEventListener(kind, moved, { capture: true, passive: true });
  root.append(plot, theme, tools);
  place.append(title, root, flat, caption);
  figure.sizes = new ResizeObserver(() => anew(figure));
  figure.sizes.observe(root);
  figure.sight = new IntersectionObserver((changes) => {
    figure.seen = changes.at(-1).isIntersecting;
    wake(figure);
  }, NEAR);
  figure.sight.observe(root);
  root.addEventListener("pointerenter", () => point(figure));
  root.addEventListener("pointerleave", () => (figure.pointed = false));
  return figure;
}

// React removes the element before it asks for this; a call while the element still stands comes from a payload that
// was overtaken.
function release(parent) {
  if (parent.isConnected) return;
  boards.get(parent)?.forEach(discard);
  boards.delete(parent);
}

function discard({ place, plot, sizes, sight, work }) {
  place.remove();
  sizes?.disconnect();
  sight?.disconnect();
  work?.then(() => window.Plotly?.purge(plot));
}

function describe(figure) {
  const { root, plot, title, caption, flat, png, svg, turn, header } = figure;
  const said = JSON.stringify(header);
  if (figure.said === said) return;
  figure.said = said;
  const [name, rest = ""] = header.title.split(" · ");
  title.replaceChildren(`${name} `, Object.assign(element("i", ""), { textContent: rest }));
  title.hidden = !header.title;
  const height = `${header.height / EM}rem`; // heights are composed for the browser's usual 16 px
  if (root.style.height !== height) figure.box = undefined;
  root.style.height = height;
  root.classList.toggle("fibra-clicks", header.clicks);
  root.classList.toggle("fibra-ringed", Boolean(header.outline));
  if (header.outline) dispatchEvent(new Event("fibra-ringed")); // the card keeps off it (explained.js)
  if (figure.drawn && plot.getAttribute("aria-label") !== header.alt) hear(figure);
  plot.setAttribute("aria-label", header.alt);
  caption.textContent = header.caption ? header.alt : "";
  caption.hidden = !header.caption;
  flat.textContent = header.words.flat;
  for (const [tool, word] of [[png, "save_png"], [svg, "save_svg"], [turn, "turn"]]) {
    tool.title = header.words[word];
    tool.setAttribute("aria-label", header.words[word]);
  }
}

// Drawings follow one another. Each draws what is newest at its turn, so a payload that was overtaken meanwhile is
// never drawn.
function wake(figure) {
  figure.work = figure.work.then(() => refresh(figure)).catch((error) => console.error(error));
}

// When all that has arrived so far is drawn.
function settled() {
  return Promise.all(all().map(({ work }) => work));
}

function all() {
  return [...boards.values()].flatMap((board) => [...board.values()].filter(({ plot }) => plot));
}

async function refresh(figure) {
  const Plotly = await plotly;
  if (!Plotly) return figure.trigger("unavailable", true);
  // Hidden, gone or far below: the observer wakes it when it is seen.
  if (!figure.seen || !figure.root.isConnected || !boxOf(figure).width || (figure.lost && document.hidden)) return;
  figure.root.style.setProperty("--fibra-scale", pageOf(figure).scale);
  const background = printing ? PAPER : pageOf(figure).background;
  if (figure.lost || figure.text !== figure.shown.text || background !== figure.shown.background) {
    if (!read(figure, background)) return;
    await draw(Plotly, figure);
  } else if (standing(figure.shown.mask) !== figure.shown.at) {
    figure.shown.at = standing(figure.shown.mask);
    if (!(await sketch(Plotly, figure))) await draw(Plotly, figure);
  } else if (figure.shown.sketched && !held) {
    await draw(Plotly, figure);
  } else if (outlineOf(figure.header) !== figure.shown.outline) {
    await draw(Plotly, figure);
  } else if (sizeOf(figure) !== figure.shown.size && !printing) {
    if (fitsAnew(figure)) await draw(Plotly, figure);
    else await resize(Plotly, figure);
  } else return;
  await nameEnlarged(figure);
  attempt("the names of axes", () => nameAllOrNone(figure.plot));
  attempt("paper", () => fitForPaper(figure));
}

async function resize(Plotly, figure) {
  fitHeight(figure.plot.layout, figure);
  figure.shown.size = sizeOf(figure);
  placeCamera(figure, figure.plot.layout);
  await Plotly.Plots.resize(figure.plot);
  graphicsOf(figure.plot).forEach(stir);
}

// Read what has arrived. False where it is what stands there: its knobs were turned here before the server said so.
function read(figure, background) {
  const { text, shown, lost } = figure;
  const whole = JSON.parse(text);
  unpack(whole);
  const mask = whole.layout?.meta?.mask;
  const at = standing(mask);
  if (mask) confirm(mask);
  if (!lost && mask && mask.of === shown.mask?.of && at === shown.at && background === shown.background) {
    Object.assign(shown, { text, mask });
    return false;
  }
  paint(whole, paletteOf(background));
  figure.shown = { text, background, whole, mask, at };
  return true;
}

async function draw(Plotly, figure) {
  const { plot, header, shown } = figure;
  const palette = paletteOf(shown.background);
  const { whole, mask } = shown;
  let { data, layout } = mask ? masked(whole, mask, JSON.parse(shown.at)) : { ...whole, layout: { ...whole.layout } };
  const { frames = [] } = whole;
  shown.outline = outlineOf(header);
  shown.sketched = false;
  if (header.outline) layout.shapes = [...(layout.shapes ?? []), ...ring(header.outline, palette)];
  layout.font = { family: pageOf(figure).family, color: palette.text, ...layout.font };
  layout.paper_bgcolor ??= "rgba(0, 0, 0, 0)";
  layout.plot_bgcolor ??= "rgba(0, 0, 0, 0)";
  layout.uirevision ??= header.key;
  layout.autosize = true;
  delete layout.width;
  delete layout.height;
  if (COARSE.matches) layout.dragmode = false;
  for (const name of Object.keys(layout).filter(isScene)) layout[name].dragmode ??= "turntable"; // not the layout's
  fitHeight(layout, figure);
  fitNarrow(layout, figure);
  data = data.map((trace) => (hasWords(trace) ? fitWords(trace, layout, figure) : trace));
  figure.flat.hidden = !needsFlattening(layout);
  plot.classList.toggle("fibra-shines", !figure.flat.hidden && shines(data));
  if (!figure.flat.hidden) ({ data, layout } = flattened(data, layout, boxOf(figure)));
  shown.size = sizeOf(figure);
  placeCamera(figure, layout);
  const anew = figure.lost || !figure.drawn;
  if (figure.lost) forget(Plotly, figure);
  await Plotly.react(plot, { data, layout, frames, config: CONFIG });
  plot.dataset.drawn = figure.drawn += 1;
  if (anew) listen(figure);
  for (const glplot of graphicsOf(plot)) tend(figure, glplot); // none without WebGL
  for (const [, scene] of scenesOf(plot)) {
    attempt("a scene's camera", () => letTurn(scene));
    attempt("a scene's names", () => keepNames(scene));
  }
  figure.turn.hidden = !TOUCH.matches || !data.some((trace) => /3d$|^surface$/.test(trace.type));
}

// The graphics are taken from a tab that is put aside, on a phone at the latest. Plotly waits for them to be given back,
// which nobody does; so the scene is made anew, seen from where it was.
function tend(figure, glplot) {
  glplot.oncontextloss = () => {
    figure.lost = true;
    wake(figure);
  };
  attempt("a scene's frame", () => holdNames(glplot));
  attempt("a scene's pool", () => unburden(figure, glplot));
  attempt("a scene's loop", () => letRest(glplot));
  stir(glplot);
}

document.addEventListener("visibilitychange", () => all().forEach(wake)); // while it is hidden, nothing is given back

function forget(Plotly, figure) {
  figure.scenes.clear();
  figure.lost = false;
  Plotly.purge(figure.plot);
}

function outlineOf(header) {
  return JSON.stringify(header?.outline);
}

function isScene(name) {
  return name.startsWith("scene");
}

function anew(figure) {
  figure.box = page = undefined;
  wake(figure);
}

function element(name, style) {
  const made = document.createElement(name);
  made.className = style;
  return made;
}

function button(tools, label, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", press);
  tools.append(made);
  return made;
}

export default function ({ parentElement }) {
  hideElement(parentElement);
  if (window.fibraFigures?.release) return;
  const style = document.createElement("style");
  style.textContent = CSS;
  document.head.append(style);
  region(); // what is put into a region that was there before is said
  const waiting = window.fibraFigures ?? [];
  window.fibraFigures = { push: receive, release, settled, look, pictures };
  waiting.forEach(receive);
}
