// What needs the browser, not the server: a button that switches the theme.

const CHOICE = "fibra-theme"; // where the reader's choice is kept, for all pages
const TRIED = "fibra-theme-tried"; // the choice for which this tab was loaded anew
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
  button.addEventListener("click", () => {
    store(TRIED, "", "sessionStorage");
    choose(shown(button) === "dark" ? "light" : "dark");
  });
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

// Where Streamlit lets itself not be told, the page is loaded anew: the address holds the Scene, and Streamlit will read
// what was remembered. Once: where that does not help the theme is left alone.
function choose(mode) {
  remember(mode);
  if (attempt("Streamlit's theme", () => switchTheme(mode))) return;
  if (stored(TRIED, "sessionStorage") === mode) store(CHOICE, "");
  else if (store(TRIED, mode, "sessionStorage")) location.reload();
}

// Written for this page and those it links to, so that each of them, loaded anew, begins with the right theme.
function remember(mode) {
  store(CHOICE, mode);
  for (const { origin, pathname } of [location, ...document.links]) {
    if (origin === location.origin) store(...themeEntry(pathname, mode));
  }
}

// A browser that blocks storage throws: then the theme lasts as long as the page.
function stored(key, storage = "localStorage") {
  return attempt("storage", () => window[storage].getItem(key));
}

// Whether it is kept.
function store(key, value, storage = "localStorage") {
  return attempt("storage", () => window[storage].setItem(key, value) ?? true);
}
