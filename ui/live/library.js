// What a library does with the elements that hand themselves over: each gets the sheet, once, and what `receive` makes
// of its data. One may come before the library does: then it waits in an array.

const CSS = "__CSS__";
const dressed = new WeakSet(); // elements that have the sheet

function take(component) {
  const { parentElement } = component;
  if (!dressed.has(parentElement)) {
    dressed.add(parentElement);
    parentElement.append(Object.assign(document.createElement("style"), { textContent: CSS }));
  }
  receive(component);
}

export default function ({ parentElement }) {
  hideElement(parentElement);
  const libraries = (window.fibraLibraries ??= {});
  const waiting = libraries["__NAME__"] ?? [];
  if (!Array.isArray(waiting)) return; // it is here already
  libraries["__NAME__"] = { push: take };
  waiting.forEach(take);
}
