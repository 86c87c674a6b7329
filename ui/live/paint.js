// Colours are tokens such as "@query/0.35" until the page's theme is known: here each becomes the colour of its palette.

const PALETTES = "__PALETTES__"; // {light, dark}, each token -> "#rrggbb" or a colour scale
const RING = "__RING__"; // the lines around the number that is explained, of colours as tokens
const PAINTER = document.createElement("canvas").getContext("2d");

// Only properties whose name says colour are read, so that nothing a reader typed is ever taken for one. Painted in
// place; returns what it was given, or the colour.
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

function paletteOf(background) {
  return PALETTES[isDark(background) ? "dark" : "light"];
}

function isDark(colour) {
  PAINTER.fillStyle = colour; // whatever way the colour is written, it reads back as "#rrggbb"
  const [red, green, blue] = channels(PAINTER.fillStyle);
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

function ring(rectangle, palette) {
  return RING.map((line) => ({ type: "rect", ...rectangle, line: paint({ ...line }, palette) }));
}
