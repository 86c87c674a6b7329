// What needs the browser, not the server: a button that switches the theme.

const CHOICE = "fibra-theme"; // where the reader's choice is kept, for all pages
const ICONS = {
  sun:
    '<circle cx="12" cy="12" r="4"/>' +
    '<path d="M12 2v2M12 20v2M5 5l1.4 1.4M17.6 17.6 19 19M2 12h2M20 12h2M5 19l1.4-1.4M17.6 6.4 19 5"/>',
  moon: '<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z"/>',
};
const made = new WeakMap(); // the component's root -> its button

export default function ({ parentElement, data }) {
  if (!made.has(parentElement)) made.set(parentElement, create(parentElement));
  const theme = made.get(parentElement);
  theme.words = data;
  labelTheme(theme);
}

function create(parent) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(document.createElement("span"), document.createElement("span"));
  parent.append(button);
  followTheme(button);
  return button;
}

function label(button, icon, text) {
  button.firstChild.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[icon]}</svg>`;
  button.lastChild.textContent = text;
}

// ---- The theme. Streamlit keeps its choice per path and reads it once, at loading. Ours is for all pages: each page
// that opens on another theme is brought to it.

function followTheme(button) {
  const chosen = stored(CHOICE);
  if (chosen && chosen !== shown(button)) choose(chosen);
  button.addEventListener("click", () => choose(shown(button) === "dark" ? "light" : "dark"));
  button.addEventListener("transitionend", () => {
    if (stored(CHOICE)) remember(shown(button)); // Streamlit's own menu may have changed it
    labelTheme(button);
  });
}

function labelTheme(button) {
  const dark = shown(button) === "dark";
  label(button, dark ? "sun" : "moon", dark ? button.words.to_light : button.words.to_dark);
}

function shown(button) {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(button).getPropertyValue("--st-background-color"); // reads back as "#rrggbb"
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(canvas.fillStyle.slice(start, start + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "dark" : "light";
}

function choose(mode) {
  remember(mode);
  const { setTheme, availableThemes = [] } = themeContext() ?? {};
  const theme = availableThemes.findLast(({ name }) => name.toLowerCase().endsWith(mode));
  if (theme) setTheme(theme);
  else location.reload(); // the address holds the Scene, and Streamlit will read what was remembered
}

// Written for this page and those it links to, so that each of them, loaded anew, begins with the right theme.
function remember(mode) {
  store(CHOICE, mode);
  for (const { origin, pathname } of [location, ...document.links]) {
    if (origin === location.origin) store(`stActiveTheme-${pathname}-v2`, mode === "dark" ? '"Dark"' : '"Light"');
  }
}

// Streamlit offers no way to switch without a reload, and a reload ends the session. So its theme context is looked up
// in React's tree, near the root.
function themeContext() {
  const root = document.getElementById("root");
  const name = Object.keys(root ?? {}).find((key) => key.startsWith("__reactContainer$"));
  const fibers = name ? [root[name].stateNode.current] : [];
  for (const fiber of fibers) {
    const value = fiber.memoizedProps?.value;
    if (value?.setTheme && value.availableThemes) return value;
    fibers.push(...[fiber.sibling, fiber.child].filter(Boolean));
  }
}

// A browser that blocks storage throws: then the theme lasts as long as the page.
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}
