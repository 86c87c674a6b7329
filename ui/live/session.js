// Nothing to be seen: what the browser does so that the Scene is kept.

const NARROW = 768; // px: below it Streamlit lays the menu over the page
let wake; // calls the server: set anew by each run
let look = () => undefined; // at the connection
let answer = {}; // what the server said last: which session it is, and the last call that it heard

export default function ({ data, setTriggerValue }) {
  document.documentElement.lang = data.lang;
  if (data.nowhere) closeDialog();
  answer = data;
  wake = (call) => setTriggerValue("call", call);
  look();
  nameLater();
  attempt("room for the switches", watchOver);
  if (window.fibraSession) return;
  window.fibraSession = true;
  keepHistory();
  watchConnection();
  attempt("quicker styles", forgetBorders);
  document.addEventListener("pointerdown", refreshLink, true);
  document.addEventListener("focusin", refreshLink, true);
  document.addEventListener("focusin", nameAll, true);
  onState(nameLater);
  document.addEventListener("keydown", (event) => attempt("a way into the switches", () => tabThroughSwitches(event)), true);
  for (const deed of ["input", "keydown", "focusout"]) document.addEventListener(deed, noteTyped, true);
  document.addEventListener("click", waitForWords, true);
  document.addEventListener("click", leaveMenu);
  document.addEventListener("click", openTerm, true);
}

// What is drawn later is named once a run is over, or as it is reached. And a while after: the first knob of a kind that a
// page has comes with a script of its own, when the run is long over.
const LATER = [500, 2000]; // ms
let later = [];

function nameAll() {
  attempt("names in the reader's language", () => nameParts(answer.names));
}

function nameLater() {
  nameAll();
  later.forEach(clearTimeout);
  later = LATER.map((wait) => setTimeout(nameAll, wait));
}

// ---- History. A change of page, and then the server's word on the address of the new page, are two steps to Streamlit;
// so are the beats of a clock. To a reader one deed is one step back.

function keepHistory() {
  const push = history.pushState.bind(history);
  let acted = false;
  for (const deed of ["pointerdown", "keydown", "click", "input"]) addEventListener(deed, () => (acted = true), true);
  history.pushState = (...step) => {
    if (acted) push(...step);
    else history.replaceState(...step);
    acted = false;
  };
}

// ---- The connection. A phone that was away, or a server that was restarted: the browser finds a server that has no
// session of it, or has another. Streamlit is content with that and waits for the next click, which the new session then
// does not understand. So the session is called as soon as the line is there: it runs on the address's Scene. Until it
// has run, nothing on the page can be turned, and a line says why: nobody would hear of it.

const PATIENCE = 30_000; // ms after which the page is given back in any case

function watchConnection() {
  if (!connectionState()) return;
  let lost; // the session that was there before
  let call = 0; // when it was called; 0: nobody waits
  let astray = false; // Back or Forward was pressed meanwhile: the address is another page's, and nobody heard of it
  addEventListener("popstate", () => (astray ||= lost !== undefined));
  look = () => {
    const over = scriptState() === "notRunning";
    if (connectionState() !== "CONNECTED") {
      lost ??= answer.session;
      call = 0;
      hold(true);
    } else if (lost && astray) {
      location.reload();
    } else if (lost && !call) {
      wake((call = Date.now()));
      setTimeout(look, PATIENCE);
    } else if (call && ((over && (answer.session !== lost || answer.heard === call)) || Date.now() - call >= PATIENCE)) {
      lost = undefined;
      call = 0;
      hold(false);
    }
  };
  onState(look);
}

function hold(held) {
  document.body.classList.toggle("fibra-away", held);
  if (!held) document.querySelector("body > .fibra-lost")?.remove();
  else if (!document.querySelector("body > .fibra-lost")) document.body.append(saying(answer.lost));
  setInert(held);
}

function saying(text) {
  const said = document.createElement("p");
  said.className = "fibra-lost";
  said.setAttribute("role", "status");
  said.textContent = text;
  return said;
}

// ---- A page that does not exist. Our notice tells of it; the box in which Streamlit does, to the first visitor of a
// server, is in the way, and in English.


// ---- The menu

// A link that is opened in another tab, or copied, says what is on screen now, not when it was drawn; and the first page's
// has a path.
function refreshLink(event) {
  const link = event.composedPath().find((part) => part.matches?.(".st-key-menu a"));
  if (link) link.setAttribute("href", (link.getAttribute("href").split("?")[0] || "./") + location.search);
}

function leaveMenu(event) {
  if (innerWidth > NARROW || !event.target.closest?.(".st-key-menu a")) return;
  foldSidebar();
}

// ---- A link of the menu that is clicked just after typing. Streamlit tells the server what a field holds a moment after
// it is left, and of a tap at once: what was typed then came after its page was gone. So such a link waits until it was
// heard. Others tell the server in the same breath.

const BEGUN = 300; // ms that a link waits for the server to begin: what was typed may be what stood there
const HEARD = 2000; // and for it to come to an end: it may be busy
const TEXT = "textarea, input:is([type=text], [type=number], :not([type])):not([role=combobox])";
let typed = false; // in a field, and not entered
let left = -Infinity; // when that field was left

function noteTyped({ type, target, key, timeStamp }) {
  if (!target.matches?.(TEXT)) return;
  if (type === "focusout") left = typed ? timeStamp : -Infinity;
  typed = type === "input" || (typed && type === "keydown" && key !== "Enter");
}

function waitForWords(event) {
  const link = event.target.closest?.(".st-key-menu a");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey; // a new tab has the address as it is
  if (!link || elsewhere || event.timeStamp - left > HEARD) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  left = -Infinity;
  const { clientX, clientY, detail, timeStamp } = event;
  const again = new MouseEvent("click", { bubbles: true, cancelable: true, composed: true, clientX, clientY, detail });
  let begun = false;
  const follow = (now) => {
    const state = scriptState();
    begun ||= state !== "notRunning";
    const over = begun ? state === "notRunning" || now - timeStamp > HEARD : now - timeStamp > BEGUN;
    if (over || !state) link.dispatchEvent(again);
    else requestAnimationFrame(follow);
  };
  requestAnimationFrame(follow);
}

// ---- The glossary. A term that the prose links opens among the page's words. It is no step of the history.

function openTerm(event) {
  const term = event.target.closest?.("a[href^='#']")?.getAttribute("href").slice(1);
  const entry = term && document.querySelector(`[data-term="${CSS.escape(term)}"]`);
  if (!entry) return;
  event.preventDefault();
  event.stopPropagation();
  entry.open = true;
  entry.firstElementChild.focus({ preventScroll: true });
  entry.scrollIntoView({ block: "center" });
}
