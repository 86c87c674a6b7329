// While a hand holds a knob of the look, or a scene, what is drawn is what moves: in a scene the curves alone, and where the
// graphics are slow, a pixel for each of the page's; in a plane the curves without what their points tell. When it lets go,
// the rest.

const SLOW = 50; // ms of a picture: of fewer than twenty a second the hand sees each by itself
const SURE = 2; // as slow in a row

let held = false; // whether a finger or a button is down
addEventListener("pointerdown", () => (held = true), true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, letGo, true);

function letGo() {
  held = false;
  for (const figure of all()) {
    graphicsOf(figure.plot).forEach((glplot) => paintBy(glplot, plotGlPixelRatio));
    if (figure.shown.sketched) wake(figure);
    if (figure.pointed) point(figure);
  }
}

// The curves that the knobs leave. False where all is to be drawn.
async function sketch(Plotly, figure) {
  const { plot, flat, header, shown } = figure;
  const { whole, mask, at } = shown;
  if (mask.stops || !flat.hidden || header.outline) return false;
  const { data, layout } = masked(whole, mask, JSON.parse(at));
  if (!mask.shapes) {
    if (!attempt("a scene's traces", () => setTraces(plot, data))) return false;
    if (held) coarsen(figure);
    graphicsOf(plot).forEach(stir);
  } else if (held) {
    await Plotly.relayout(plot, { shapes: layout.shapes });
    shown.sketched = true;
  } else return false;
  plot.dataset.drawn = figure.drawn += 1;
  return true;
}

// Paint a scene that moves coarser, once its graphics turn out to be slow.
function coarsen(figure) {
  if (figure.late < SURE) time(figure);
  else graphicsOf(figure.plot).forEach((glplot) => paintBy(glplot, 1));
}

// The next frame but one comes when the graphics have taken this one.
function time(figure) {
  if (figure.timed) return;
  figure.timed = true;
  const began = performance.now();
  const taken = () => {
    figure.timed = false;
    figure.late = performance.now() - began > SLOW ? figure.late + 1 : 0;
  };
  requestAnimationFrame(() => requestAnimationFrame(taken));
}
