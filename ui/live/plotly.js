// What the library changes in Plotly itself, for speed alone: the pictures are the same.

// At each drawing Plotly goes through all that each trace could say, for what it says in arrays: 54 ms of a turn on
// Fibres. Where arrays may stand is the same in all traces of a kind, so that is learned once. (Lists of objects that
// hold arrays, as the dimensions of a splom, are not looked into: no figure of ours has any.)
function quicken(Plotly) {
  const { PlotSchema: schema } = Plotly;
  const { crawl, findArrayAttributes } = schema;
  const kinds = new Map(); // a kind of trace -> the paths where an array may stand
  const learn = (trace) => {
    const paths = [];
    const note = ({ valType, arrayOk } = {}, _name, _siblings, _depth, path) => {
      if ((valType === "data_array" || arrayOk) && !/colorbar\.tick(text|vals)$/.test(path)) paths.push(path.split("."));
    };
    schema.crawl = (attributes, _visit, ...where) => crawl(attributes, note, ...where);
    findArrayAttributes(trace);
    schema.crawl = crawl;
    kinds.set(trace.type, paths);
    return paths;
  };
  const isArray = (value) => Array.isArray(value) || ArrayBuffer.isView(value);
  schema.findArrayAttributes = (trace) =>
    (kinds.get(trace.type) ?? learn(trace))
      .filter((path) => isArray(path.reduce((inside, name) => inside?.[name], trace)))
      .map((path) => path.join("."));
  return Plotly;
}

// After each drawing of a scene Plotly reads back which trace is at which pixel, for the pointer, and the page stands
// still until the graphics have painted it all: 0.3 s where software paints. So that is read when a pointer comes. And
// what has nothing to say is not painted for the pointer: it no longer hides what has.
function unburden(figure, glplot) {
  const { gl, add, objects } = glplot;
  if (figure.scenes.has(gl)) return;
  const unread = new Map(); // the buffer that it is painted in -> what reads it
  const { readPixels } = gl;
  gl.readPixels = (...where) => {
    const buffer = gl.getParameter(gl.FRAMEBUFFER_BINDING);
    unread.set(buffer, () => {
      gl.bindFramebuffer(gl.FRAMEBUFFER, buffer);
      readPixels.apply(gl, where);
    });
    if (figure.pointed) readAll(unread);
  };
  figure.scenes.set(gl, unread);
  glplot.add = (object) => add(hush(object));
  objects.forEach(hush);
  glplot.update(); // painted anew, without them
}

function hush(object) {
  if (object._trace.data.hoverinfo === "skip") object.drawPick = undefined;
  return object;
}

function readAll(unread) {
  unread.forEach((read) => read());
  unread.clear();
}
