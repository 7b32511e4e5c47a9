// Long lists, of which only a page is in the document: a record may have 50,000 frames.

import { el } from "./dom.js";

/** paged shows items on pages of a size. render makes the element of an item. */
export function paged(tag, items, size, render, noun, attributes) {
  const list = el(tag, attributes);
  let first = 0;
  const where = el("span", { class: "where", "aria-live": "polite" });
  const step = (by, text) => el("button", { type: "button", click: () => show(first + by) }, text);
  const back = step(-size, "Previous");
  const next = step(size, "Next");

  function show(from) {
    first = from;
    const last = Math.min(first + size, items.length);
    list.replaceChildren(...items.slice(first, last).map((item, i) => render(item, first + i)));
    back.disabled = first === 0;
    next.disabled = last === items.length;
    const shown = last - first === 1 ? last.toLocaleString("en") : `${(first + 1).toLocaleString("en")}–${last.toLocaleString("en")}`;
    where.textContent = `${noun} ${shown} of ${items.length.toLocaleString("en")}`;
  }
  show(0);
  if (items.length <= size) return list;
  const outer = tag === "span" ? "span" : "div";
  return el(outer, { class: "paged" }, list, el(outer, { class: "pager" }, back, next, where));
}
