// Nothing to be seen: what the browser does so that the Scene is kept.

const NARROW = 768; // px: below it Streamlit lays the menu over the page
let wake; // calls the server: set anew by each run

export default function ({ data, setTriggerValue }) {
  document.documentElement.lang = data.lang;
  wake = () => setTriggerValue("woke", Date.now());
  if (window.fibraSession) return;
  window.fibraSession = true;
  keepHistory();
  watchConnection();
  document.addEventListener("pointerdown", refreshLink, true);
  document.addEventListener("focusin", refreshLink, true);
  document.addEventListener("click", leaveMenu);
}

// ---- History. A change of page, and then the server's word on the address of the new page, are two steps to Streamlit;
// so are the beats of a clock. To a reader one deed is one step back.

function keepHistory() {
  const push = history.pushState.bind(history);
  let acted = false;
  for (const deed of ["pointerdown", "keydown"]) addEventListener(deed, () => (acted = true), true);
  history.pushState = (...step) => {
    if (acted) push(...step);
    else history.replaceState(...step);
    acted = false;
  };
}

// ---- The connection. A phone that was away, or a server that was restarted: the browser finds a server that has no
// session of it, or has another. Streamlit is content with that and waits for the next click, which the new session then
// does not understand. So the session is called as soon as the line is there: it runs on the address's Scene.

function watchConnection() {
  const app = document.querySelector(".stApp");
  if (!app) return;
  let lost = false;
  new MutationObserver(() => {
    const connected = app.dataset.testConnectionState === "CONNECTED";
    if (connected && lost) wake();
    lost = !connected;
  }).observe(app, { attributeFilter: ["data-test-connection-state"] });
}

// ---- The menu

// A link that is opened in another tab, or copied, says what is on screen now, not when it was drawn; and the first page's
// has a path.
function refreshLink(event) {
  const link = event.composedPath().find((part) => part.matches?.(".st-key-menu a"));
  if (link) link.setAttribute("href", (link.getAttribute("href").split("?")[0] || "./") + location.search);
}

function leaveMenu(event) {
  if (innerWidth > NARROW || !event.target.closest?.(".st-key-menu a")) return;
  document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
}
