// What leaves the screen: a figure that is saved, and a page that is printed.

const PAPER = "#ffffff";
const SMALLEST = 8; // px: of a name
const LINE = 1.05; // of a name's size: what names below one another need
let printing = false;

// An axis has a name at each of its places, or at none: where they would touch they are written smaller, and where they
// would be too small, not at all.
function nameAllOrNone(plot) {
  for (const { axis, length, level, names } of namedAxes(plot)) {
    names.forEach(({ classList }) => classList.remove("fibra-none"));
    if (names.length < 2) continue;
    const size = axis.tickfont.size;
    const fits = level ? beside(names) : (length * closest(axis)) / Math.abs(axis.range[1] - axis.range[0]) / (LINE * size);
    if (!(fits < 1)) continue;
    const smaller = Math.floor(size * fits);
    for (const name of names) {
      if (smaller < SMALLEST) name.classList.add("fibra-none");
      else name.style.fontSize = `${smaller}px`; // until Plotly draws it again
    }
  }
}

// Where a name stands, in px; NaN of one that is not on the screen.
function centre(name) {
  const { x, width } = name.getBBox();
  const { a, e } = name.getCTM() ?? {};
  return e / a + x + width / 2;
}

// Which part of their size is left for names on one level: each takes half of its width towards either neighbour.
function beside(names) {
  const placed = names.map((name) => [centre(name), name.getComputedTextLength()]);
  placed.sort(([x], [y]) => x - y);
  return Math.min(...placed.slice(1).map(([x, width], i) => (x - placed[i][0]) / ((width + placed[i][1]) / 2 + 6)));
}

// How far apart the two nearest of an axis' places are.
function closest({ tickvals }) {
  return Math.min(...Array.from(tickvals, (at, i) => (i ? Math.abs(at - tickvals[i - 1]) : Infinity)));
}

// A sheet has another width than the screen, and nobody tells which in time. So on paper a drawn figure is stretched
// like the picture that it is: what stands in it in px is said in shares of it (print.css).
function fitForPaper({ plot, root }) {
  const { svgs, places } = drawnParts(plot);
  if (!svgs.length) return;
  const [width, height] = ["width", "height"].map((side) => svgs[0].getAttribute(side)); // asking the page takes long
  root.style.setProperty("--fibra-aspect", `${width} / ${height}`);
  svgs.forEach((svg) => svg.setAttribute("viewBox", `0 0 ${width} ${height}`));
  for (const { style } of places) {
    const share = (px, whole) => `${(100 * parseFloat(px || 0)) / whole}%`;
    style.setProperty("--left", share(style.left, width));
    style.setProperty("--top", share(style.top, height));
    style.setProperty("--width", share(style.width, width));
    style.setProperty("--height", share(style.height, height));
  }
}

// All figures are drawn, those too that the reader has not scrolled to, in the colours of a light page. A browser takes
// its picture of the page as soon as this returns and what was promised is done: nothing here may wait for a frame.
function print(on) {
  if (printing === on) return;
  printing = on;
  for (const figure of all()) {
    if (on) figure.seen = true;
    wake(figure);
    if (on) figure.work = figure.work.then(() => freeze(figure));
  }
}

// A scene's canvas may be empty when it is printed; a copy of it is not.
function freeze({ plot }) {
  plot.querySelectorAll(".fibra-frozen").forEach((copy) => copy.remove());
  for (const glplot of graphicsOf(plot)) {
    if (!attempt("a scene's canvas", () => repainted(glplot))) continue;
    const { canvas } = glplot;
    const copy = Object.assign(element("canvas", "fibra-frozen"), { width: canvas.width, height: canvas.height });
    copy.getContext("2d").drawImage(canvas, 0, 0);
    canvas.after(copy);
  }
}

addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
matchMedia("print").addEventListener("change", ({ matches }) => print(matches));

async function save(figure, format) {
  const { file, width, height, name } = await drawing(figure);
  download(format === "svg" ? file : await pixels(file, width, height), `${name}.${format}`);
}

// Some browsers ask for the picture at the click itself, as a promise.
function copyPicture(figure) {
  const made = drawing(figure).then(({ file, width, height }) => pixels(file, width, height));
  return navigator.clipboard.write([new ClipboardItem({ "image/png": made })]);
}

// All pictures of the page, also those to which the reader has not scrolled, for whoever wants to take them away.
function pictures() {
  return all().map((figure) => ({
    name: figure.header.title || figure.header.alt,
    save: (format) => save(figure, format),
    copy: () => copyPicture(figure),
  }));
}

// A figure as an SVG file, as it stands on the screen.
async function drawing(figure) {
  if (!figure.plot.data) {
    figure.seen = true;
    wake(figure);
    await figure.work;
  }
  const { plot, header, shown } = figure;
  const { offsetWidth: width, offsetHeight: height, data, layout } = plot;
  const bare = /^(transparent|rgba\(.*,\s*0\))$/.test(layout.paper_bgcolor);
  const filled = { ...layout, paper_bgcolor: bare ? shown.background : layout.paper_bgcolor };
  const options = { format: "svg", width, height, imageDataOnly: true };
  const drawn = await window.Plotly.toImage({ data, layout: filled }, options);
  const fonts = await Promise.all(fontsOf(layout.font.family).map(embedded));
  const svg = drawn.replace(/<svg[^>]*>/, (start) => `${start}<style><![CDATA[${fonts.join("")}]]></style>`);
  const file = new Blob([svg], { type: "image/svg+xml" });
  return { file, width, height, name: layout.meta?.name ?? header.key };
}

// The rules by which the page got the fonts that a picture is written in. A picture in a file asks no page for them.
function fontsOf(family) {
  const wanted = family.split(",").map(unquoted);
  const rules = [...document.styleSheets].flatMap((sheet) => {
    try {
      return [...sheet.cssRules];
    } catch {
      return []; // another server's
    }
  });
  const upright = ({ style }) => !/italic/.test(style.getPropertyValue("font-style"));
  const faces = rules.filter((rule) => rule instanceof CSSFontFaceRule && upright(rule));
  return faces.filter(({ style }) => wanted.includes(unquoted(style.getPropertyValue("font-family"))));
}

function unquoted(family) {
  return family.trim().replace(/^["']|["']$/g, "");
}

async function embedded(rule) {
  const address = rule.style.getPropertyValue("src").match(/url\(["']?([^"')]+)/)?.[1];
  try {
    const response = await fetch(new URL(address, rule.parentStyleSheet.href ?? document.baseURI));
    const bytes = new Uint8Array(await response.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
    return rule.cssText.replace(/src:[^;]*;/, () => `src: url("data:font/woff2;base64,${btoa(text)}");`);
  } catch {
    return ""; // then the file is written in what its reader has
  }
}

async function pixels(file, width, height) {
  const address = URL.createObjectURL(file);
  const image = Object.assign(new Image(), { src: address });
  await image.decode();
  const canvas = Object.assign(element("canvas", ""), { width: 2 * width, height: 2 * height });
  const { width: across, height: down } = canvas;
  canvas.getContext("2d").drawImage(image, 0, 0, across, down);
  URL.revokeObjectURL(address);
  return new Promise((done) => canvas.toBlob(done));
}

function download(file, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

