// How a figure fits its place: its height, its camera, the names and words for which there is room.

const PHONE = matchMedia("(max-width: 640px)");
const AIR = 1.45; // around a scene on a phone, for the names above and below it
const EM = 16;

// Whether in another place another picture is drawn than the same one larger or smaller.
function fitsAnew(figure) {
  const { data, layout } = figure.shown.whole;
  return !figure.flat.hidden || data.some(hasWords) || isNarrow(layout, figure) !== figure.narrow;
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
