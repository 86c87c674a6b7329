// For readers who listen: once the pictures have stood still for a while and no knob is held, the sentence of the topmost
// that changed in view is said, politely. Not each step of a drag, nor all that changed with it.

const QUIET = 1200; // ms
const changed = new Set(); // figures whose sentence is another since something was said last
let silence;

function hear(figure) {
  changed.add(figure);
  clearTimeout(silence);
  silence = setTimeout(tell, QUIET);
}

function tell() {
  if (held) return void (silence = setTimeout(tell, QUIET));
  const before = (a, b) => (a.place.compareDocumentPosition(b.place) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  const [first] = all().filter((figure) => changed.has(figure) && figure.seen && figure.header.alt).sort(before);
  changed.clear();
  if (first) region().textContent = first.header.alt;
}

function region() {
  const made = document.querySelector("body > .fibra-heard") ?? document.body.appendChild(element("p", "fibra-heard"));
  made.setAttribute("role", "status");
  return made;
}
