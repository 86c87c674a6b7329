// Where the browser has no WebGL (a blocked driver, no graphics at all), Plotly draws nothing of a scene but a sentence in
// English. There a scene is laid flat, as its camera sees it, and a line below says so.

const OPENING = Math.tan(Math.PI / 8); // Plotly's camera opens by 45 degrees
const AXES = ["x", "y", "z"];
const [DOT, STROKE] = [2.8, 0.5]; // px of a plane that look like one of a scene's sizes and widths, laid side by side

let paints; // whether there is WebGL: asked once, when the first scene comes
function paintsScenes() {
  if (paints !== undefined) return paints;
  const canvas = document.createElement("canvas");
  const graphics = canvas.getContext("webgl") ?? canvas.getContext("experimental-webgl");
  graphics?.getExtension("WEBGL_lose_context")?.loseContext(); // a browser has few of them to give
  return (paints = Boolean(graphics));
}

function needsFlattening(layout) {
  return Boolean(layout.scene?.camera) && !paintsScenes();
}

// The figure with its scene as a plane: the same traces, names and clicks, in the view that a reader first has. Its unit is
// half the height; how much of it lies beside, the width tells.
function flattened(data, layout, box) {
  const { scene: given, ...rest } = layout;
  const scene = { ...given, camera: stepped(given.camera, furtherOff(layout, box)) };
  const see = camera(scene);
  const still = { visible: false, fixedrange: true };
  return {
    data: [...edges(scene, see), ...data.map((trace) => (trace.type === "scatter3d" ? laid(trace, see) : trace))],
    layout: {
      ...rest,
      plot_bgcolor: scene.bgcolor,
      xaxis: { ...still, range: [-0.1, 0.1] },
      yaxis: { ...still, range: [-1, 1], scaleanchor: "x" },
      annotations: [...(rest.annotations ?? []), ...(scene.annotations ?? []).map((note) => pinned(note, see)), ...titles(scene, see)],
    },
  };
}

// Place [x, y, z] -> [right, up] on the screen, in perspective.
function camera(scene) {
  const { eye, center = { x: 0, y: 0, z: 0 } } = scene.camera;
  const list = (point) => AXES.map((axis) => point[axis]);
  const from = list(eye);
  const ahead = unit(list(center).map((to, i) => to - from[i]));
  const right = unit(cross(ahead, [0, 0, 1]));
  const up = cross(right, ahead);
  const shape = AXES.map((axis) => [...scene[`${axis}axis`].range, scene.aspectratio[axis]]);
  return (place) => {
    const seen = shape.map(([low, high, size], i) => ((place[i] - low) / (high - low) - 0.5) * size - from[i]);
    const scale = 1 / (OPENING * dot(seen, ahead));
    return [scale * dot(seen, right), scale * dot(seen, up)];
  };
}

function laid({ z, ...trace }, see) {
  const { marker, line } = trace;
  const [xs, ys, zs] = [trace.x, trace.y, z].map(array);
  const seen = Array.from(xs, (x, i) => see([x, ys[i], zs[i]]));
  // Between two curves stands no number; as an array of floats it stays one.
  const [x, y] = [0, 1].map((side) => Float32Array.from(seen, (point) => point[side]));
  const plane = { ...trace, type: "scatter", x, y, cliponaxis: false };
  if (marker) plane.marker = { line: { width: 1.5 }, ...marker, size: DOT * marker.size, color: opaque(marker.color) };
  if (line) plane.line = { ...line, width: STROKE * line.width, color: opaque(line.color) };
  return plane;
}

// Light that adds up (theme.light) has next to no alpha in a scene; in a plane the style sheet adds it.
const LIGHT = /, 0\.004\)$/;
function opaque(colour) {
  return Array.isArray(colour) ? colour.map(opaque) : String(colour).replace(LIGHT, ", 1)");
}

function shines(data) {
  return data.some(({ line }) => LIGHT.test(line?.color));
}

function pinned({ x, y, z, ...note }, see) {
  const [right, up] = see([x, y, z]);
  return { ...note, x: right, y: up, xref: "x", yref: "y" };
}

// Of a scene whose axes are seen, the edges along which they run: two below, on the camera's side, and one at its left.
function edges(scene, see) {
  return AXES.filter((axis) => scene[`${axis}axis`].showgrid !== false).map((axis) => {
    const [from, to] = edge(scene, axis).map(see);
    const line = { width: 1, color: scene[`${axis}axis`].gridcolor };
    return { type: "scatter", mode: "lines", x: [from[0], to[0]], y: [from[1], to[1]], line, hoverinfo: "skip" };
  });
}

function titles(scene, see) {
  return AXES.filter((axis) => scene[`${axis}axis`].title?.text).map((axis) => {
    const [from, to] = edge(scene, axis);
    const [x, y, z] = from.map((start, i) => (start + to[i]) / 2);
    const beside = axis === "z" ? { xanchor: "right", xshift: -6, textangle: -90 } : { yanchor: "top", yshift: -6 };
    return { ...pinned({ x, y, z, showarrow: false, ...beside }, see), ...scene[`${axis}axis`].title };
  });
}

function edge(scene, axis) {
  const { eye } = scene.camera;
  const near = (other) => scene[`${other}axis`].range[eye[other] < 0 ? 0 : 1];
  const far = (other) => scene[`${other}axis`].range[eye[other] < 0 ? 1 : 0];
  const corner = axis === "z" ? [far("x"), near("y"), 0] : [near("x"), near("y"), scene.zaxis.range[0]];
  return scene[`${axis}axis`].range.map((end) => corner.map((at, i) => (AXES[i] === axis ? end : at)));
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
const unit = (vector) => vector.map((value) => value / Math.hypot(...vector));
