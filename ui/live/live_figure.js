// The library behind every figure of the page. It is sent once a page; each board's own script only hands over its
// component. A payload is: four bytes of length, a JSON list of headers of that length, then the figures as JSON, one
// after the other; a header says how many bytes are its figure's.

const PALETTES = "__PALETTES__"; // {light, dark}, each token -> "#rrggbb" or a colour scale
const CHUNK = "__CHUNK__"; // the file of Streamlit's own frontend that brings Plotly
const CSS = "__CSS__";
const RING = "__RING__"; // the lines around the number that is explained, of colours as tokens

// Plotly paints 3-D scenes at twice the screen's resolution, which software that stands in for a graphics card feels.
const plotGlPixelRatio = Math.min(2, Math.max(1.5, devicePixelRatio));
const CONFIG = { displayModeBar: false, displaylogo: false, scrollZoom: false, plotGlPixelRatio };
const PAINTER = document.createElement("canvas").getContext("2d");
const COARSE = matchMedia("(pointer: coarse)");
const TOUCH = matchMedia("(any-pointer: coarse)");
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const PHONE = matchMedia("(max-width: 640px)");
const AIR = 1.45; // around a scene on a phone, for the names above and below it
const EM = 16;
const AT_ONCE = 300; // ms: so soon after Plotly's own click the browser's is the same one

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

// The HTML is the server's own: what a reader typed is escaped in it.
function createText(place) {
  const item = { place, take };
  place.addEventListener("pointerdown", ({ target }) => addressed(target));
  place.addEventListener("click", (event) => follow(item, event));
  function take(header) {
    const { html } = (item.header = header);
    if (place.shown === html) return;
    const open = place.querySelector("details")?.open; // what a reader has unfolded stays so
    place.innerHTML = place.shown = html;
    place.querySelector("details")?.toggleAttribute("open", Boolean(open));
  }
  return item;
}

// A link to a number, with all else that the address says by now.
function addressed(target) {
  const link = target.closest("a[data-way]");
  if (!link) return null;
  const at = new URL(location.href);
  at.searchParams.set("explained", link.dataset.way);
  link.href = at.href;
  return link;
}

// Its address would load the page anew, so that the number is told instead, unless it is to open elsewhere.
function follow({ header, trigger }, event) {
  const link = addressed(event.target);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  trigger("click", { figure: header.key, way: link.dataset.way, at: Date.now() });
}

function createFigure(place) {
  const root = element("div", "fibra-figure");
  const plot = element("div", "fibra-plot");
  const title = element("p", "fibra-step");
  const caption = element("p", "fibra-says");
  const flat = Object.assign(element("p", "fibra-flat"), { hidden: true });
  const theme = element("span", "fibra-theme");
  const tools = element("div", "fibra-tools");
  const figure = { place, root, plot, title, caption, flat, drawn: 0, shown: {}, scenes: new Map(), work: Promise.resolve() };
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
  for (const kind of ["pointerdown", "pointermove", "touchmove"]) {
    root.addEventListener(kind, () => graphicsOf(plot).forEach(stir), { capture: true, passive: true });
  }
  root.append(plot, theme, tools);
  place.append(title, root, flat, caption);
  figure.sizes = new ResizeObserver(() => anew(figure));
  figure.sizes.observe(root);
  figure.sight = new IntersectionObserver((changes) => {
    figure.seen = changes.at(-1).isIntersecting;
    wake(figure);
  }, NEAR);
  figure.sight.observe(root);
  root.addEventListener("pointerenter", () => {
    figure.pointed = true;
    figure.scenes.forEach(readAll);
  });
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

// Whether in another place another picture is drawn than the same one larger or smaller.
function fitsAnew(figure) {
  const { data, layout } = figure.shown.whole;
  return !figure.flat.hidden || data.some(hasWords) || isNarrow(layout, figure) !== figure.narrow;
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
  paint(whole, PALETTES[isDark(background) ? "dark" : "light"]);
  figure.shown = { text, background, whole, mask, at };
  return true;
}

async function draw(Plotly, figure) {
  const { plot, header, shown } = figure;
  const palette = PALETTES[isDark(shown.background) ? "dark" : "light"];
  const { whole, mask } = shown;
  let { data, layout } = mask ? masked(whole, mask, JSON.parse(shown.at)) : { ...whole, layout: { ...whole.layout } };
  const { frames = [] } = whole;
  shown.outline = outlineOf(header);
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
  for (const [, scene] of scenesOf(plot)) attempt("a scene's camera", () => letTurn(scene));
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

// A scene's camera stands where the reader left it, and in another place as much nearer or further off as that asks for.
function placeCamera(figure, layout) {
  const { plot } = figure;
  const kept = figure.drawn && plot.layout?.uirevision === layout.uirevision ? new Map(camerasOf(plot)) : new Map();
  if (!kept.size && layout !== plot.layout) figure.further = 1; // as it was composed
  const step = steppedTo(figure, layout);
  for (const name of Object.keys(layout).filter(isScene)) {
    const camera = kept.get(name) ?? layout[name].camera;
    if (camera?.eye) layout[name] = { ...layout[name], camera: stepped(camera, step) };
  }
}

// How many times further off than now it has to stand.
function steppedTo(figure, layout) {
  const before = figure.further ?? 1;
  if (!boxOf(figure).width) return 1; // it is folded away
  figure.further = furtherOff(layout, boxOf(figure));
  return figure.further / before;
}

// Plotly fits a scene to the height of its place. In a place narrower than the scene was composed for (meta.aspect,
// width to height) the camera stands so many times further off.
function furtherOff({ meta }, { width, height }) {
  return Math.max(1, ((meta?.aspect ?? 0) * height) / width);
}

function stepped(camera, times) {
  const eye = Object.fromEntries(["x", "y", "z"].map((axis) => [axis, camera.eye[axis] * times]));
  return { ...camera, eye };
}

// No higher than what it shows: square cells as wide as there is room for, or on a phone what the camera, stepped back,
// sees of a scene.
function fitHeight({ meta, xaxis, yaxis, margin }, figure) {
  const width = boxOf(figure).width / pageOf(figure).scale;
  const extent = ({ range: [from, to] }) => Math.abs(to - from);
  let height = Infinity;
  if (meta?.aspect && PHONE.matches) height = (AIR * width) / meta.aspect;
  if (yaxis?.scaleanchor && xaxis.range && yaxis.range) {
    height = margin.t + margin.b + ((width - margin.l - margin.r) * extent(yaxis)) / extent(xaxis);
  }
  const most = Number.isFinite(height) ? `${Math.ceil(height) / EM}rem` : "";
  if (figure.root.style.maxHeight === most) return;
  figure.root.style.maxHeight = most;
  figure.box = undefined;
}

// Names for which a scene was composed too wide stand upright.
function fitNarrow(layout, figure) {
  figure.narrow = isNarrow(layout, figure);
  if (!figure.narrow) return;
  const upright = (note) => (note.name === "token" ? { ...note, textangle: -90, font: { ...note.font, size: 11 } } : note);
  for (const name of Object.keys(layout).filter(isScene)) {
    const { annotations = [] } = layout[name];
    layout[name] = { ...layout[name], annotations: annotations.map(upright) };
  }
}

function isNarrow({ meta }, figure) {
  return boxOf(figure).width < (meta?.level ?? 0) * pageOf(figure).scale;
}

function hasWords({ meta }) {
  return Boolean(meta?.words);
}

// Words in the cells of a map, each where cells are from so wide on (`least`) and not wider (`most`).
function fitWords(trace, { margin }, figure) {
  const { columns, x, y, text, color, least, most } = trace.meta.words;
  const cell = (boxOf(figure).width / pageOf(figure).scale - margin.l - margin.r) / columns;
  const fit = [...least.keys()].filter((i) => cell >= least[i] && cell < most[i]);
  const of = (all) => fit.map((i) => all[i]);
  return { ...trace, x: of(x), y: of(y), text: of(text), textfont: { ...trace.textfont, color: of(color) } };
}

function outlineOf(header) {
  return JSON.stringify(header?.outline);
}

function ring(rectangle, palette) {
  return RING.map((line) => ({ type: "rect", ...rectangle, line: paint({ ...line }, palette) }));
}

function isScene(name) {
  return name.startsWith("scene");
}

// Colours are tokens such as "@query/0.35" until the theme is known. Only properties whose name says colour are read,
// so that nothing a reader typed is ever taken for one. Painted in place; returns what it was given, or the colour.
function paint(node, palette, coloured = false) {
  if (typeof node === "string") return coloured && node[0] === "@" ? shade(node, palette) : node;
  if (Array.isArray(node)) {
    for (let i = 0; i < node.length; i++) node[i] = paint(node[i], palette, coloured);
  } else if (node && typeof node === "object") {
    if (STILL.matches && node.transition) node.transition = { duration: 0 };
    for (const name of Object.keys(node)) node[name] = paint(node[name], palette, /color/i.test(name));
  }
  return node;
}

function shade(token, palette) {
  const [name, alpha] = token.slice(1).split("/");
  if (alpha === undefined) return palette[name];
  const [red, green, blue] = channels(palette[name]);
  return `rgba(${red}, ${green}, ${blue}, ${alpha})`;
}

function isDark(colour) {
  PAINTER.fillStyle = colour; // whatever way the colour is written, it reads back as "#rrggbb"
  const [red, green, blue] = channels(PAINTER.fillStyle);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

// In 3-D Plotly takes the press of the button for the click: each drag would begin with one, and a quick click gets
// lost before the scene has looked up what is under it. There a click is what the browser calls one, two frames later.
function listen(figure) {
  const { plot } = figure;
  let hovered = null;
  let pressed = null;
  plot.on("plotly_hover", (event) => (hovered = event));
  plot.on("plotly_unhover", () => (hovered = null));
  plot.on("plotly_click", (event) => {
    figure.heard = performance.now();
    if (event.event) report(figure, event);
  });
  plot.on("plotly_relayout", () => attempt("the names of a part", () => nameEnlarged(figure)));
  figure.ears?.abort();
  const { signal } = (figure.ears = new AbortController());
  plot.addEventListener("pointerdown", (event) => (pressed = event), { capture: true, signal });
  plot.addEventListener("click", (event) => {
    if (event.target.tagName !== "CANVAS" || Math.hypot(event.x - pressed.x, event.y - pressed.y) > 4) return;
    requestAnimationFrame(() => requestAnimationFrame(() => hovered && report(figure, hovered)));
  }, { signal });
  plot.addEventListener("click", (event) => reportBar(figure, event), { signal });
}

// Of a map too large for names at its sides (meta.names), those of a part that was enlarged, where they have room there.
async function nameEnlarged(figure) {
  const { plot } = figure;
  const { layout: { margin, meta } = {} } = plot;
  if (!meta?.names) return;
  const { width, height } = boxOf(figure);
  const sides = { xaxis: width - margin.l - margin.r, yaxis: height - margin.t - margin.b };
  const changes = {};
  for (const [axis, { all: names, chosen }] of Object.entries(meta.names)) {
    const [from, to] = [...plot.layout[axis].range].sort((a, b) => a - b);
    const fit = sides[axis] / (to - from) >= SMALLEST * LINE;
    const places = names.map((_, at) => at).filter((at) => (fit ? at > from && at < to : at === chosen));
    if (String(places) === String(Array.from(plot.layout[axis].tickvals ?? []))) continue;
    changes[`${axis}.tickvals`] = places;
    changes[`${axis}.ticktext`] = places.map((at) => (at === chosen ? `<b>${names[at]}</b>` : names[at]));
  }
  if (!Object.keys(changes).length) return;
  await (await plotly).relayout(plot, changes);
  attempt("the names of axes", () => nameAllOrNone(plot));
}

function report({ header, trigger, shown, plot }, { points, event }) {
  const point = nearest(plot, points, event);
  if (!header.clicks || !point) return;
  const { x, y, z = null, curveNumber: curve, pointNumber } = point;
  const customdata = point.customdata ?? edgeOf(shown.mask, point);
  const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  trigger("click", { figure: header.key, x, y, z, curve, point: plain(pointNumber), customdata: plain(customdata), at: Date.now() });
}

// A bar of no length cannot be hit, nor can its name: a click in its row, or column, that hits nothing else is one on it.
function reportBar({ header, plot, trigger, heard }, { clientX, clientY, target }) {
  if (!header.clicks || performance.now() - heard < AT_ONCE || target.closest(".legend, .modebar")) return;
  const traces = [...(plot.data ?? []).entries()].filter(([, { type }]) => type === "bar");
  const area = plot.querySelector(".nsewdrag")?.getBoundingClientRect();
  const { xaxis, yaxis, barmode, bargap = 0 } = plot.layout ?? {};
  if (!traces.length || !area || traces.some(([, trace]) => (trace.xaxis ?? "x") !== "x")) return;
  const lies = traces[0][1].orientation === "h";
  const [from, to] = (lies ? yaxis : xaxis)?.range ?? [];
  const share = lies ? (area.bottom - clientY) / area.height : (clientX - area.left) / area.width;
  if (from === undefined || share < 0 || share > 1) return;
  const at = from + share * (to - from);
  const point = Math.round(at);
  const beside = (at - point + 0.5 - bargap / 2) / (1 - bargap); // of several in one place
  const last = traces.length - 1;
  const nth = barmode && barmode !== "group" ? 0 : Math.min(last, Math.max(0, Math.floor(beside * traces.length)));
  const [curve, { customdata }] = traces[nth];
  const place = lies ? { x: 0, y: point } : { x: point, y: 0 };
  trigger("click", { figure: header.key, ...place, z: null, curve, point, customdata: customdata?.[point] ?? null, at: Date.now() });
}

// Of the points that the pointer reads off together, one a curve, the one that it is at.
function nearest(plot, points, event) {
  if (points.length < 2 || !event || points.some(({ bbox }) => !bbox)) return points[0];
  const at = event.clientY - plot.getBoundingClientRect().top;
  const away = ({ bbox: { y0, y1 } }) => Math.abs((y0 + y1) / 2 - at);
  return points.reduce((best, point) => (away(point) < away(best) ? point : best));
}

function turn({ root, turn }) {
  turn.setAttribute("aria-pressed", root.classList.toggle("fibra-turning"));
}

// Plotly would keep the wheel and a finger's movement for itself, so it never hears of them: the page scrolls, and a
// tap still arrives as a click. The exceptions are Plotly's own sliders, and a scene that is being turned.
function leaveToPage({ root }, event) {
  const slides = event.target.closest?.(".slider-container, .fibra-tools");
  if (!slides && !root.classList.contains("fibra-turning")) event.stopPropagation();
}

function sizeOf(figure) {
  const { width, height } = boxOf(figure);
  return `${width} x ${height}, ${pageOf(figure).scale}`;
}

// How large a figure's place is, and how the page looks there. For each such question the browser lays the page out
// anew, in the midst of a turn once a figure: so what was answered counts until it may be otherwise.
function boxOf(figure) {
  const { offsetWidth: width, offsetHeight: height } = figure.box ? {} : figure.root;
  return (figure.box ??= { width, height });
}

let page; // of all figures
function pageOf({ root }) {
  if (page) return page;
  const style = getComputedStyle(root);
  setTimeout(() => (page = undefined));
  // The page's type grows with the screen (shell.css), and a picture grows with the type: the whole of it, so that what
  // fits at one size fits at all.
  const scale = parseFloat(getComputedStyle(document.documentElement).fontSize) / EM;
  const [background, family] = ["--st-background-color", "--st-font"].map((name) => style.getPropertyValue(name));
  return (page = { background: background.trim(), family, scale });
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
