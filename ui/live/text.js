// What stands among the figures in words: HTML, with links to numbers.

// The HTML is the server's own: what a reader typed is escaped in it.
function createText(place) {
  const item = { place, take };
  place.addEventListener("pointerdown", ({ target }) => addressed(target));
  place.addEventListener("click", (event) => follow(item, event));
  function take(header) {
    const { html } = (item.header = header);
    if (place.shown === html) return;
    const open = place.querySelector("details")?.open; // what a reader has unfolded stays so
    place.innerHTML = place.shown = html;
    place.querySelector("details")?.toggleAttribute("open", Boolean(open));
  }
  return item;
}

// A link to a number, with all else that the address says by now.
function addressed(target) {
  const link = target.closest("a[data-way]");
  if (!link) return null;
  const at = new URL(location.href);
  at.searchParams.set("explained", link.dataset.way);
  link.href = at.href;
  return link;
}

// Its address would load the page anew, so that the number is told instead, unless it is to open elsewhere.
function follow({ header, trigger }, event) {
  const link = addressed(event.target);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  trigger("click", { figure: header.key, way: link.dataset.way, at: Date.now() });
}
