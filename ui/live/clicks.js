// What a reader does to a figure: clicks, and touches that are the page's.

const PATIENCE = 30; // frames
const AT_ONCE = 300; // ms: so soon after Plotly's own click the browser's is the same one

// In 3-D Plotly takes the press of the button for the click: each drag would begin with one, and a quick click gets
// lost before the scene has looked up what is under it. There a click is what the browser calls one, two frames later;
// after a finger's, which is gone by then, as soon as something is found.
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
  const press = (event) => {
    pressed = event;
    if (event.pointerType === "touch") hovered = null; // what another finger found
  };
  plot.addEventListener("pointerdown", press, { capture: true, signal });
  plot.addEventListener("click", (event) => {
    if (event.target.tagName !== "CANVAS" || Math.hypot(event.x - pressed.x, event.y - pressed.y) > 4) return;
    const touched = pressed.pointerType === "touch";
    let found = null;
    const look = (frames) =>
      requestAnimationFrame(() => {
        found = hovered ?? found;
        if (frames > 1 && !(touched && found)) look(frames - 1);
        else if (found) report(figure, found);
      });
    look(touched ? PATIENCE : 2);
  }, { signal });
  plot.addEventListener("click", (event) => reportBar(figure, event), { signal });
}

function report({ header, trigger, shown, plot, root }, { points, event }) {
  const point = nearest(plot, points, event);
  if (!header.clicks || !point) return;
  const { x, y, z = null, curveNumber: curve, pointNumber } = point;
  const customdata = point.customdata ?? edgeOf(shown.mask, point);
  const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  remember(root);
  trigger("click", { figure: header.key, x, y, z, curve, point: plain(pointNumber), customdata: plain(customdata), at: Date.now() });
}

function remember(figure) {
  window.fibraFigures.clicked = { figure, at: performance.now() };
}

// A bar of no length cannot be hit, nor can its name: a click in its row, or column, that hits nothing else is one on it.
function reportBar({ header, plot, trigger, heard, root }, { clientX, clientY, target }) {
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
  remember(root);
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
