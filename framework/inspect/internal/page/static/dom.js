// Elements, made so that no text is ever read as HTML: a string becomes a text node.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return node;
}

/** el makes an element. An attribute whose value is a function is a listener. */
export function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** svg makes an element of a picture. */
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** section makes a part of a view, with its heading. */
export function section(id, title, ...children) {
  return el("section", { id, class: "part", "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), children);
}

/** link makes a link to another view, which is opened without loading the page anew. */
export function link(href, attributes, ...children) {
  return el("a", { href, "data-link": true, ...attributes }, children);
}

/** messagePath returns the address of a message's view. */
export function messagePath(id) {
  return `/message/${encodeURIComponent(id)}`;
}

/** say tells a reader of the screen something that others see. */
export function say(text) {
  document.getElementById("status").textContent = text;
}
