// The card that explains a number. Its links are real addresses; a click is reported instead, so that the session goes on.

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".fibra-explained") ?? create(parentElement);
  root.tell = (way) => setTriggerValue("open", { way, at: Date.now() });
  if (root.shown === data.html) return;
  const inside = root.contains(document.activeElement);
  root.innerHTML = root.shown = data.html;
  if (inside) root.querySelector("[aria-current]")?.focus({ preventScroll: true }); // whoever went on by keyboard goes on here
  root.dataset.drawn = 1 + Number(root.dataset.drawn ?? 0);
}

function create(parent) {
  const root = document.createElement("div");
  root.className = "fibra-explained";
  root.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab, as the reader asked
    event.preventDefault();
    root.tell(link.dataset.way);
  });
  root.addEventListener("keydown", (event) => event.key === "Escape" && root.tell(""));
  parent.append(root);
  return root;
}
