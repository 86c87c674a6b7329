// What stands on the screen without room: text that something cuts off, text over other text of the same figure, a
// legend over what is plotted, a page that scrolls sideways. Returns a line for each.
async () => {
  const TALL = 0.17; // of a line's height, above its letters and below: no ink
  const SLACK = 1.5; // px
  const found = [];
  const note = (where, what) => found.push(`${where}: ${what}`);
  const text = (node) => node.textContent.trim();
  const shown = (node) => node.checkVisibility({ opacityProperty: true, visibilityProperty: true });

  const page = document.querySelector("[data-testid=stMain]");
  for (const one of [document.documentElement, page]) {
    if (one.scrollWidth > one.clientWidth) note("page", `${one.scrollWidth} px wide in ${one.clientWidth}`);
  }

  // Letters alone: of upright text, the sides have no ink either.
  const ink = (node) => {
    const { left, right, top, bottom, width, height } = node.getBoundingClientRect();
    const upright = height > 1.6 * width && text(node).length > 2;
    const [x, y] = upright ? [TALL * width, SLACK] : [SLACK, TALL * height];
    return { node, left: left + x, right: right - x, top: top + y, bottom: bottom - y };
  };
  const both = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > SLACK;
  const inside = (a, b) => a.left > b.left - 3 && a.right < b.right + 3 && a.top > b.top - 3 && a.bottom < b.bottom + 3;

  for (const figure of document.querySelectorAll(".fibra-figure")) {
    const { figure: key } = figure.closest("[data-figure]").dataset;
    const frame = figure.getBoundingClientRect();
    const drawing = figure.querySelector("[data-drawn] .main-svg")?.getBoundingClientRect();
    if (!drawing) note(key, "not drawn");
    else if (Math.abs(drawing.width - frame.width) > 2) note(key, `drawn ${drawing.width} px wide in ${frame.width}`);
    if (frame.width < 90 || frame.height < 40) note(key, `${frame.width} x ${frame.height} px`);
    const labels = [...figure.querySelectorAll("svg text")]; // what hovers comes and goes, over what it tells of
    const boxes = labels.filter((node) => text(node) && shown(node) && !node.closest(".hoverlayer")).map(ink);
    boxes.filter((box) => !inside(box, frame)).forEach(({ node }) => note(key, `cut: ${text(node)}`));
    boxes.forEach((a, i) =>
      boxes.slice(i + 1).filter((b) => both(a, b)).forEach((b) => note(key, `${text(a.node)} over ${text(b.node)}`)),
    );
    const places = (selector) => [...figure.querySelectorAll(selector)].map((node) => node.getBoundingClientRect());
    if (places(".legend").some((a) => places(".nsewdrag").some((b) => both(a, b)))) note(key, "legend over the plot");
  }

  const inner = (root) => [...root.querySelectorAll("*")].flatMap((node) => [node, ...(node.shadowRoot ? inner(node.shadowRoot) : [])]);
  const scrolls = (node) => /auto|scroll/.test(getComputedStyle(node).overflowX);
  const aside = (node) => node !== page && node !== null && (scrolls(node) || aside(node.parentElement));
  const typed = (node) => node.tagName === "INPUT" && node.type === "text" && !node.closest(".stTextInput"); // a reader's own may be longer
  for (const node of inner(page)) {
    const own = [...node.childNodes].some(({ nodeType, data }) => nodeType === Node.TEXT_NODE && data.trim());
    const unseen = node.closest("details:not([open]) > :not(summary)") || node.clientHeight === 1; // folded; for those who listen
    if (!(own || typed(node)) || unseen || !shown(node) || node.closest(".fibra-figure, style, script")) continue;
    const hides = node.clientWidth && getComputedStyle(node).overflowX !== "visible" && !scrolls(node);
    if (hides && node.scrollWidth > node.clientWidth + 1) note("text", `cut: ${text(node) || node.value}`);
    const range = document.createRange();
    range.selectNodeContents(node);
    const { left, right } = range.getBoundingClientRect();
    if ((left < -1 || right > innerWidth + 1) && !aside(node)) note("text", `beyond the page: ${text(node)}`);
  }
  return found;
}
