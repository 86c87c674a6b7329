// What is private in Streamlit and Plotly, on the browser's side: every touch of it, behind a guard that turns only
// itself off. A script gets the sections that it asks for (internals.py puts them before it: components repeat their
// scripts in each message). The server's side is internals.py; what sheets name of Streamlit's elements is streamlit.css.
// Last seen in Streamlit 1.67 and the Plotly.js 3 of its frontend; tests/test_internals.py renames each and finds the
// fallback that is named beside it.

// ==== guard
// What `act` gives; undefined, and a line in the console, where something private is not as it was.
function attempt(what, act) {
  try {
    return act();
  } catch (error) {
    console.warn(`Fibra goes on without ${what}:`, error);
    return undefined;
  }
}

// ==== run
// How Streamlit's run and its connection stand: attributes of its outermost element, data-test-script-state (`running`,
// `notRunning`, ...) and data-test-connection-state (`CONNECTED`, ...). Without them: undefined, and nobody is told.
const STATES = ["data-test-script-state", "data-test-connection-state"];

function streamlitApp() {
  return document.querySelector(".stApp, [data-testid=stApp]");
}

function scriptState() {
  return streamlitApp()?.dataset.testScriptState;
}

function connectionState() {
  return streamlitApp()?.dataset.testConnectionState;
}

// Calls `act` when a state changes, until its observer is disconnected.
function onState(act) {
  const observer = new MutationObserver(act);
  const app = streamlitApp();
  if (app) observer.observe(app, { attributeFilter: STATES });
  return observer;
}

// ==== page
// Streamlit's own parts of the page, by data-testid. Without one: nothing is done to it.
const parts = (name) => [...document.querySelectorAll(`[data-testid=${name}]`)];

// The page and the menu take no clicks.
function setInert(held) {
  for (const part of [...parts("stMain"), ...parts("stSidebar")]) part.inert = held;
}

function foldSidebar() {
  parts("stSidebarCollapseButton")[0]?.querySelector("button")?.click();
}

function closeDialog() {
  parts("stDialog")[0]?.querySelector("button[aria-label=Close], [data-fibra-name=close]")?.click();
}

// What of Streamlit's lies beside or over the page, as classes of the body: fibra-folded while the sidebar is away, and
// fibra-popover while the switches are open. The style sheets ask for these: a :has() would have the browser look through
// the whole page at every element that a drawing adds to it. Without the parts: the page keeps no place free for them.
const OVER = { "fibra-folded": "stExpandSidebarButton", "fibra-popover": "stPopoverBody" };
const over = new MutationObserver(markOver);

function markOver() {
  for (const [name, part] of Object.entries(OVER)) document.body.classList.toggle(name, parts(part).length > 0);
}

function watchOver() {
  over.disconnect();
  over.observe(document.body, { childList: true }); // where popovers are put
  for (const header of parts("stHeader")) over.observe(header, { childList: true, subtree: true });
  markOver();
}

// The switches hang at the end of the document, so that to the keyboard they came after the whole page. They come after the
// button that opened them: stPopoverButton, aria-expanded, and stPopoverBody. Without them: they come last.
const STOPS = "a[href], button, input, select, textarea, summary, [tabindex]";

function tabThroughSwitches(event) {
  const [box] = parts("stPopoverBody");
  const opener = parts("stPopoverButton").find((button) => button.ariaExpanded === "true");
  if (event.key !== "Tab" || !box || !opener) return;
  const stops = [...box.querySelectorAll(STOPS)].filter((stop) => stop.tabIndex >= 0 && !stop.disabled && stop.checkVisibility());
  const at = document.activeElement;
  if (at === stops.at(-1) && !event.shiftKey) {
    opener.focus(); // from where the browser goes on
  } else if (stops.length && at === (event.shiftKey ? stops[0] : opener)) {
    event.preventDefault();
    (event.shiftKey ? opener : stops[0]).focus();
  }
}

// A segmented control hides the border that lies under a chosen neighbour's by :has(+ ...:not(...)). No one sees that
// border; but at each element that a drawing adds, the browser then looks at the style of the whole page: five times the
// time of a restyle. So those rules are taken away, and not let in: they come with the first such control, and with each
// theme. CSSStyleSheet.insertRule, by which Streamlit writes its styles. Otherwise written: they stay, and it is slower.
const UNDER = /:has\(\+ button\[data-variant=/;

function forgetBorders() {
  const { insertRule } = CSSStyleSheet.prototype;
  CSSStyleSheet.prototype.insertRule = function (rule, ...place) {
    return insertRule.call(this, UNDER.test(rule) ? ":not(*) {}" : rule, ...place);
  };
  for (const { cssRules } of document.styleSheets) {
    for (const rule of [...cssRules]) {
      if (UNDER.test(rule.selectorText)) rule.parentStyleSheet.deleteRule([...cssRules].indexOf(rule));
    }
  }
}

// What Streamlit calls its own parts, to those who listen, or who come by the keyboard: English in every language.
// aria-label, and the text of stSkipToContent; without them: so it stays.
const NAMES = {
  Increment: "more", Decrement: "less", Open: "open", Close: "close", "Clear value": "clear", Sidebar: "sidebar",
  "Expand sidebar": "expand", "Collapse sidebar": "collapse", "Navigate to home page": "home",
  "file upload": "file", "Add files": "another", "Copy to clipboard": "copy",
};
// What begins a name of theirs, and where: of a question mark the rest is its knob's name, in the reader's language; of a
// cross beside a file that was chosen, the file's.
const BEGINNINGS = [
  ["Help for ", "help", ""],
  ["Remove ", "remove", "[data-testid=stFileUploader] "],
];

function nameParts(words) {
  for (const [theirs, key] of Object.entries(NAMES)) {
    for (const part of document.querySelectorAll(`[aria-label="${theirs}"], [data-fibra-name=${key}]`)) {
      part.dataset.fibraName = key;
      if (part.ariaLabel !== words[key]) part.setAttribute("aria-label", words[key]);
    }
  }
  for (const [theirs, key, where] of BEGINNINGS) {
    for (const part of document.querySelectorAll(`${where}[aria-label^="${theirs}"], [data-fibra-of-${key}]`)) {
      const rest = `data-fibra-of-${key}`;
      if (part.ariaLabel.startsWith(theirs)) part.setAttribute(rest, part.ariaLabel.slice(theirs.length));
      const name = `${words[key]} ${part.getAttribute(rest)}`;
      if (part.ariaLabel !== name) part.setAttribute("aria-label", name);
    }
  }
  // Of a list in which nothing is like what is typed: streamlit.css puts it there.
  const { style } = document.documentElement;
  const nothing = JSON.stringify(words.nothing);
  if (style.getPropertyValue("--fibra-nothing") !== nothing) style.setProperty("--fibra-nothing", nothing);
  for (const link of parts("stSkipToContent")) {
    if (link.textContent !== words.skip) link.textContent = words.skip;
  }
}

// ==== theme
// Streamlit offers no way to switch without a reload, and a reload ends the session. So its theme context is looked up in
// React's tree, near the root: __reactContainer$..., its fibers' memoizedProps.value with setTheme and availableThemes.
// Whether the theme was switched; not so where they are not found: then the page is loaded anew, once.
function switchTheme(mode) {
  const root = document.getElementById("root");
  const name = Object.keys(root ?? {}).find((key) => key.startsWith("__reactContainer$"));
  const fibers = name ? [root[name].stateNode.current] : [];
  for (const fiber of fibers) {
    const value = fiber.memoizedProps?.value;
    if (value?.setTheme && value.availableThemes) {
      const theme = value.availableThemes.findLast(({ name }) => name.toLowerCase().endsWith(mode));
      if (theme) value.setTheme(theme);
      return Boolean(theme);
    }
    fibers.push(...[fiber.sibling, fiber.child].filter(Boolean));
  }
  return false;
}

// Where Streamlit reads the theme of a page as it loads it: localStorage, "stActiveTheme-PATH-v2". Without it the page
// opens on the browser's own theme, and is switched.
function themeEntry(pathname, mode) {
  return [`stActiveTheme-${pathname}-v2`, mode === "dark" ? '"Dark"' : '"Light"'];
}

// ==== plotly
// The chunk of Streamlit's frontend that brings Plotly, and sets window.Plotly. Streamlit's script tells where the frontend
// lives, whatever path the app is served under. Without it: undefined, and the server draws by st.plotly_chart. Where there
// is no server, the page that carries the app says it (deploy/web/index.html: fibraPlotly).
function loadPlotly(chunk) {
  const frontend = document.querySelector('script[src*="static/js/"]')?.src ?? document.baseURI;
  return import(window.fibraPlotly ?? new URL(chunk, frontend)).then(
    () => {
      if (window.Plotly) attempt("Plotly's schema", () => quicken(window.Plotly));
      return window.Plotly;
    },
    () => undefined,
  );
}

// At each drawing Plotly goes through all that each trace could say, for what it says in arrays: 54 ms of a turn on
// Fibres. Where arrays may stand is the same in all traces of a kind, so that is learned once, and compared with what
// Plotly finds itself. (Lists of objects that hold arrays, as the dimensions of a splom, are not looked into: no figure of
// ours has any.) PlotSchema.crawl and .findArrayAttributes; without them, or where they differ: Plotly's own way.
function quicken(Plotly) {
  const { PlotSchema: schema } = Plotly;
  const { crawl, findArrayAttributes } = schema;
  const kinds = new Map(); // a kind of trace -> the paths where an array may stand
  const isArray = (value) => Array.isArray(value) || ArrayBuffer.isView(value);
  const filled = (trace, paths) =>
    paths.filter((path) => isArray(path.reduce((inside, name) => inside?.[name], trace))).map((path) => path.join("."));
  const learn = (trace) => {
    const paths = [];
    const note = ({ valType, arrayOk } = {}, _name, _siblings, _depth, path) => {
      if ((valType === "data_array" || arrayOk) && !/colorbar\.tick(text|vals)$/.test(path)) paths.push(path.split("."));
    };
    schema.crawl = (attributes, _visit, ...where) => crawl(attributes, note, ...where);
    try {
      findArrayAttributes(trace);
    } finally {
      schema.crawl = crawl;
    }
    const own = findArrayAttributes(trace);
    if (`${[...own].sort()}` !== `${filled(trace, paths).sort()}`) throw new Error(`arrays of ${trace.type} elsewhere`);
    kinds.set(trace.type, paths);
    return paths;
  };
  if (!crawl || !findArrayAttributes) throw new Error("no schema to walk");
  schema.findArrayAttributes = (trace) => {
    const paths = kinds.get(trace.type) ?? attempt("a quick walk of Plotly's schema", () => learn(trace));
    if (paths) return filled(trace, paths);
    schema.findArrayAttributes = findArrayAttributes;
    return findArrayAttributes(trace);
  };
}

// The drawn layout, plot._fullLayout: its 3-D scenes (scene, scene2, ...) by name, each with a ._scene: none without WebGL.
// Without them: the camera is the layout's at each drawing, a lost context is not drawn anew.
function scenesOf({ _fullLayout: full }) {
  return Object.entries(full ?? {}).flatMap(([name, part]) => (isScene(name) && part?._scene ? [[name, part._scene]] : []));
}

// Plotly notes the camera when the mouse is released: too early, for the scene glides on, and never for a drawing that
// comes in the middle of a drag. What is seen is what stays. ._scene.getCamera
function camerasOf(plot) {
  return scenesOf(plot).flatMap(([name, scene]) => {
    const camera = attempt("the camera", () => scene.getCamera());
    return camera ? [[name, camera]] : [];
  });
}

// The graphics of each scene: ._scene.glplot.
function graphicsOf(plot) {
  return scenesOf(plot).flatMap(([, { glplot }]) => glplot ?? []);
}

// Plotly draws a figure as a whole: for some other curves in a scene it goes through all that any trace could say, and
// writes each name anew, four fifths of its time with 32 names. Where traces differ in what they consist of alone, the
// scene is given these by themselves. plot._fullData's ._input, and of a scene .traces, by uid, each with .data and .update;
// without them: Plotly's own way, slower.
function setTraces(plot, data) {
  const drawn = Object.assign({}, ...scenesOf(plot).map(([, { traces }]) => traces));
  const others = data.filter((trace, i) => trace !== plot.data[i]);
  if (!others.every(({ uid }) => drawn[uid]?.update && drawn[uid].data?._input)) throw new Error("other traces of a scene");
  for (const trace of others) {
    const { data: full } = drawn[trace.uid];
    for (const name of PARTED) if (trace[name]) full[name] = trace[name];
    if (trace.marker) full.marker.color = trace.marker.color;
    Object.assign(full, { _input: trace, _length: trace.x.length });
    drawn[trace.uid].update(full);
  }
  plot.data = data;
  return true;
}

// The axes with a name at each place: .axis._id, ._length, and the names as SVG. Without them: they stay as Plotly drew them.
function namedAxes(plot) {
  const layout = plot._fullLayout ?? {};
  const axes = Object.keys(layout).filter((name) => /^[xy]axis/.test(name)).map((name) => layout[name]);
  return axes
    .filter((axis) => axis.tickmode === "array" && axis.ticktext && axis._length && axis._id)
    .map((axis) => ({
      axis,
      length: axis._length,
      level: axis._id[0] === "x" && !axis.tickangle,
      names: [...plot.querySelectorAll(`.${axis._id}tick text`)],
    }));
}

// What a drawing consists of, for paper.
function drawnParts(plot) {
  return { svgs: plot.querySelectorAll(".main-svg"), places: plot.querySelectorAll(".gl-container > div") };
}

// At the beginning of a frame Plotly asks whether its graphics are still there. Of some that go in its midst the size is
// 0, and it would have the names stand at no number. glplot.gl, .onrender; without them: so it does, for that one frame.
const framed = new WeakSet();

function holdNames(glplot) {
  const { gl, onrender } = glplot;
  if (framed.has(glplot)) return;
  if (!gl?.isContextLost || !onrender) throw new Error("another frame of a scene");
  framed.add(glplot);
  glplot.onrender = () => gl.isContextLost() || onrender();
}

// Plotly has the browser come back at each frame of the screen to see whether a scene is to be painted anew: of one that
// stands, a tenth of a processor's core, and a phone's battery. One that was not painted for UNPAINTED frames is looked
// at each DOZE ms instead, until it is stirred. Its loop is what asks for the next frame right after the camera's tick,
// time after time. glplot.camera.tick, .onrender; without them, or with another loop: at each frame.
const UNPAINTED = 30;
const DOZE = 250;
const loops = new WeakMap(); // a scene's glplot -> its loop: its frame, how many were not painted, and whether it dozes
let ticked; // the loop whose frame it is
let nextFrame; // the browser's own requestAnimationFrame

function letRest(glplot) {
  const { camera, onrender } = glplot;
  if (loops.has(glplot)) return;
  if (!camera?.tick || !onrender) throw new Error("another loop of a scene");
  const loop = { unpainted: 0 };
  const { tick } = camera;
  nextFrame ??= heedFrames();
  loops.set(glplot, loop);
  camera.tick = (...now) => {
    ticked = loop;
    queueMicrotask(() => (ticked = undefined));
    loop.unpainted += 1;
    return tick.apply(camera, now);
  };
  glplot.onrender = () => {
    loop.unpainted = 0;
    onrender();
  };
}

function heedFrames() {
  const { requestAnimationFrame } = window;
  window.requestAnimationFrame = (frame) => {
    const loop = ticked;
    const again = loop && frame === loop.frame;
    if (loop) loop.frame = frame;
    if (!again || loop.unpainted < UNPAINTED) return nextFrame(frame);
    return (loop.dozes = setTimeout(() => wakeLoop(loop), DOZE));
  };
  return requestAnimationFrame.bind(window);
}

function wakeLoop(loop) {
  clearTimeout(loop.dozes);
  loop.dozes = undefined;
  nextFrame(loop.frame);
}

// What may have a scene painted anew: a drawing, another size, a pointer.
function stir(glplot) {
  const loop = loops.get(glplot);
  if (!loop) return;
  loop.unpainted = 0;
  if (loop.dozes) wakeLoop(loop);
}

// At each drawing Plotly has a turntable's camera set itself upright, and until it has, half a second later, it hears no
// hand: a scene whose light rises could hardly be turned. One that stands upright is let be. ._scene.updateFx, of the
// camera .mode and .keyBindingMode, .fullSceneLayout; without them: Plotly's own way.
const upright = new WeakSet();

function letTurn(scene) {
  const { updateFx, camera, fullSceneLayout } = scene;
  if (upright.has(scene)) return;
  if (!updateFx || !camera?.mode || !camera.keyBindingMode || !fullSceneLayout) throw new Error("another camera of a scene");
  upright.add(scene);
  scene.updateFx = (drag, hover) => {
    const { camera: { mode, keyBindingMode }, fullSceneLayout: full } = scene;
    const { x, y, z } = full.camera.up;
    const stands = drag === "turntable" && mode === drag && keyBindingMode === "rotate" && !x && !y && z > 0;
    if (stands) full.hovermode = hover;
    else updateFx.call(scene, drag, hover);
  };
}

// At each frame of a scene Plotly writes all its names anew: half a millisecond each. Seen from where they were last
// written, they are let be. ._scene.drawAnnotations, .fullSceneLayout, .dataScale, .svgContainer, and glplot.cameraParams;
// without them: Plotly's own way, slower.
const written = new WeakMap(); // a scene -> what its names were written of, and how they were seen

function keepNames(scene) {
  const { drawAnnotations, fullSceneLayout, svgContainer, glplot } = scene;
  if (written.has(scene)) return;
  if (!drawAnnotations || !fullSceneLayout || !svgContainer || !glplot?.cameraParams) throw new Error("other names of a scene");
  written.set(scene, {});
  scene.drawAnnotations = (...drawn) => {
    const { annotations } = scene.fullSceneLayout;
    const { view, projection } = scene.glplot.cameraParams;
    const seen = [view, projection, scene.dataScale, scene.svgContainer.getAttribute("viewBox")].map(String).join();
    const before = written.get(scene);
    if (annotations === before.annotations && seen === before.seen) return;
    written.set(scene, { annotations, seen });
    drawAnnotations(...drawn);
  };
}

// How finely a scene is painted: how many pixels of its own to one of the page's. glplot.pixelRatio and .update; without
// them: as finely as at first.
function paintBy(glplot, ratio) {
  if (glplot.pixelRatio === ratio || !glplot.pixelRatio || !glplot.update) return;
  glplot.pixelRatio = ratio;
  glplot.update();
  stir(glplot);
}

// Paint a scene at once. False where its graphics are gone. glplot.gl and .redraw; without them: paper has none of it.
function repainted(glplot) {
  if (glplot.gl.isContextLost()) return false;
  glplot.redraw();
  return true;
}

// For the pointer Plotly draws each scene once more, and reads back which trace is at which pixel: as much again, and the
// page stands still until the graphics have painted it all, 0.3 s where software paints. So that is done when a pointer
// comes, and holds nothing. And what has nothing to say is not painted for it: it no longer hides what has. glplot.gl,
// .add, .objects, .update, .redraw, and an object's _trace.data and drawPick; without them: Plotly's own way, slower.
function unburden(figure, glplot) {
  const { gl, add, objects } = glplot;
  if (figure.scenes.has(gl)) return;
  if (!gl?.readPixels || !add || !objects || !glplot.update || !glplot.redraw) throw new Error("another pool of a scene");
  const scene = { glplot, told: false, reads: new Map() }; // whether the pointer knows what was drawn last; what it reads
  const { readPixels } = gl;
  figure.scenes.set(gl, scene);
  const late = (object) => {
    const { drawPick } = object;
    const tell = (...view) => {
      scene.told = figure.pointed && !held;
      if (scene.told) drawPick.apply(object, view);
    };
    object.drawPick = object._trace?.data?.hoverinfo !== "skip" && drawPick ? tell : undefined;
    return object;
  };
  gl.readPixels = (...where) => {
    const buffer = gl.getParameter(gl.FRAMEBUFFER_BINDING);
    const read = () => {
      gl.bindFramebuffer(gl.FRAMEBUFFER, buffer);
      readPixels.apply(gl, where);
    };
    scene.reads.set(buffer, read);
    if (scene.told) read();
  };
  glplot.add = (object) => add(late(object));
  objects.forEach(late);
  glplot.update(); // painted anew, without them
}

// The pointer has come to a figure, or has let go of it. Plotly would read a moment later, and a click may be quicker.
function point(figure) {
  figure.pointed = true;
  for (const { glplot, told, reads } of figure.scenes.values()) {
    if (told) continue;
    glplot.update();
    glplot.redraw();
    reads.forEach((read) => read());
  }
}

// ==== wrappers
// Streamlit wraps a component in some elements of its own. To the layout, what stands on a board of figures is a child of
// the keyed container around it (.st-key-...: Streamlit's word, and public), however many there are. The element that
// carries the component itself is the last.
function unwrap(parent) {
  const board = parent.closest('[class*="st-key-board-"]');
  const grid = board?.parentElement?.closest('[class*="st-key-"]');
  for (let wrapper = parent; grid && wrapper !== grid; wrapper = wrapper.parentElement) {
    if (wrapper !== board) wrapper.style.setProperty("display", "contents");
  }
}

// An empty element would still take its place in the page's rhythm of gaps.
function hideElement(parent) {
  parent.closest('[data-testid="stElementContainer"]')?.style.setProperty("display", "none");
}
