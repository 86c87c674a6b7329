// Knobs of the look that are turned here, in the browser: a figure with a mask (plots/mask.py) holds the curves of all
// their stops, and draws those that the stop leaves.

const ARRAYS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, i2: Int16Array, i1: Int8Array, u2: Uint16Array, u1: Uint8Array };
const PARTED = ["x", "y", "z", "hovertext", "customdata"]; // of a trace: what its curves have parts of
// A line without a curve: one of no point is taken out of its scene, and put in again with two programs of its own.
const NOWHERE = { x: [NaN], y: [NaN], z: [NaN] };
const looks = new Map(); // a knob -> { value, input }: where it is turned to, and by which element, which may be gone

// Turn a knob, or with no value leave it to the server. Whether some figure can draw that by itself.
function look(knob, value, input) {
  const able = all().filter(({ shown }) => shown.mask?.turns.includes(knob));
  if (value === undefined) looks.delete(knob);
  else if (able.length) looks.set(knob, { value, input });
  able.forEach(wake);
  return able.length > 0;
}

// Where the knobs of a mask stand: as the server said, but for those that are turned here.
function standing(mask) {
  if (!mask) return "";
  const turned = mask.turns.filter((knob) => looks.get(knob)?.input.isConnected);
  return JSON.stringify({ ...mask.at, ...Object.fromEntries(turned.map((knob) => [knob, looks.get(knob).value])) });
}

// The server says what was turned here: from now on its word counts.
function confirm({ turns, at }) {
  for (const knob of turns) if (looks.get(knob)?.value === at[knob]) looks.delete(knob);
}

// Parts of a figure that are sent as text become arrays once, when it arrives.
function unpack({ data, layout }) {
  const mask = layout?.meta?.mask;
  if (!mask) return;
  for (const name of ["weight", "layer", "edges"]) if (mask[name]) mask[name] = array(mask[name]);
  mask.shapes = mask.shapes?.map((curves) => curves && array(curves));
  for (const trace of data) {
    if (!trace.meta?.curves) continue;
    trace.meta.curves = array(trace.meta.curves);
    for (const name of PARTED) if (trace[name]) trace[name] = array(trace[name]);
  }
}

function array(packed) {
  if (packed.bdata === undefined) return packed; // of nothing it is ""
  return new ARRAYS[packed.dtype](Uint8Array.from(atob(packed.bdata), (c) => c.charCodeAt(0)).buffer);
}

// What is drawn of a figure whose knobs stand so.
function masked({ data, layout }, mask, at) {
  if (mask.stops) {
    const stop = mask.stops[at[mask.turns[0]]];
    return { data: stop.data, layout: { ...layout, ...stop.layout } };
  }
  const keep = kept(mask, at);
  const whole = new Map(data.map((trace) => [trace.uid, trace]));
  const dark = mask.dark && at.lit < mask.layers ? mask.dark : {};
  const drawn = data.map((trace) => {
    const { uid, marker, meta } = trace;
    if (dark[uid]) return { ...trace, marker: { ...marker, color: dark[uid] } };
    if (!meta?.curves) return trace;
    const parts = partsOf(meta.like ? whole.get(meta.like) : trace, meta, keep);
    return { ...trace, ...parts, ...(trace.type === "scatter3d" && !parts.x.length ? NOWHERE : {}) };
  });
  if (!mask.shapes) return { data: drawn, layout: { ...layout } };
  const shapes = layout.shapes.map((shape, i) => (mask.shapes[i] ? { ...shape, path: pathOf(shape, mask.shapes[i], keep) } : shape));
  return { data: drawn, layout: { ...layout, shapes: shapes.filter(({ path }) => path) } };
}

function kept({ weight, layer, most }, { threshold, lit }) {
  const least = Math.fround(threshold);
  let room = most;
  return weight.map((w, i) => (w > least && (!layer || layer[i] < lit) && room-- > 0 ? 1 : 0));
}

function partsOf(source, { curves, most = curves.length }, keep) {
  const drawn = [...curves.keys()].filter((i) => keep[curves[i]]).slice(0, most);
  const parts = { fibres: drawn.map((i) => curves[i]) };
  for (const name of PARTED) {
    const values = source[name];
    if (Array.isArray(values)) parts[name] = drawn.map((i) => values[i]);
    else if (values) {
      const size = values.length / curves.length;
      parts[name] = new values.constructor(drawn.length * size);
      drawn.forEach((curve, i) => parts[name].set(values.subarray(curve * size, (curve + 1) * size), i * size));
    }
  }
  return parts;
}

// What a click on a line of curves says: the number of the curve under it.
function edgeOf(mask, { data, pointNumber }) {
  if (!mask?.edges || !data?.fibres?.length) return null;
  return mask.edges[data.fibres[Math.floor(pointNumber / (data.x.length / data.fibres.length))]] ?? null;
}

function pathOf({ path }, curves, keep) {
  return path.split("M").slice(1).filter((_, i) => keep[curves[i]]).map((part) => `M${part}`).join("");
}
