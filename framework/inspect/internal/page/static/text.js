// Text from mail, from clients and from servers. It is hostile: what a browser would not show as
// it is, or would show elsewhere, is escaped, as package printable does it for log lines.

import { el } from "./dom.js";
import { paged } from "./pager.js";

const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu;

// What is shown at once, and how much a window of a long text shows, in UTF-16 units.
const short = 300;
const window_ = 4000;

/** escapeOf returns the escape of a character, as in a Go string literal. */
export function escapeOf(c) {
  const named = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[c];
  if (named) return named;
  const code = c.codePointAt(0);
  const hex = (n) => code.toString(16).padStart(n, "0");
  if (code < 0x80) return `\\x${hex(2)}`;
  return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

// Where a field of a header is folded, it may continue on a line of its own.
const unfolded = /\n[ \t]+/;

/** pieces splits a text into what is shown as it is and escapes: [text, isEscape]. */
export function pieces(text, folded = false) {
  if (folded && unfolded.test(text)) {
    return text.split(/\n(?=[ \t])/).flatMap((line, i) => (i === 0 ? pieces(line) : [["\n    ", false], ...pieces(line.replace(/^[ \t]+/, ""))]));
  }
  const list = [];
  let at = 0;
  for (const m of text.matchAll(invisible)) {
    if (m.index > at) list.push([text.slice(at, m.index), false]);
    list.push([escapeOf(m[0]), true]);
    at = m.index + m[0].length;
  }
  if (at < text.length) list.push([text.slice(at), false]);
  return list;
}

/** escaped returns a text with its escapes as a string, for where there can be no element. */
export function escaped(text) {
  return pieces(text ?? "").map(([part]) => part).join("");
}

/** isolated returns a whole text in an element of its own, which has no effect on its neighbours. */
function isolated(text, folded) {
  return el("bdi", { class: "raw", dir: "ltr" }, pieces(text, folded).map(([part, escape]) => (escape ? el("span", { class: "escape" }, part) : part)));
}

/** cut returns the first units of a text, without half of a character at its end. */
export function cut(text, limit) {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? limit - 1 : limit);
}

/** brief shows the beginning of a text. */
export function brief(text, limit = 120) {
  text ??= "";
  const head = cut(text, limit);
  return head.length < text.length ? el("span", {}, isolated(head), "…") : isolated(text);
}

/** raw shows a text. The rest of a long one is shown on demand, a window at a time. */
export function raw(text, { folded = false } = {}) {
  text ??= "";
  const head = cut(text, short);
  if (head.length === text.length) return isolated(text, folded);
  const whole = el("span", { class: "long" });
  const more = el("button", {
    type: "button",
    class: "more",
    click: () => whole.replaceChildren(windows(text, folded)),
  }, `show all ${text.length.toLocaleString("en")} characters`);
  whole.append(isolated(head, folded), "… ", more);
  return whole;
}

/** windows shows a long text in parts. */
function windows(text, folded) {
  const parts = [];
  for (let at = 0; at < text.length; ) {
    const part = cut(text.slice(at, at + window_ + 1), window_);
    parts.push(part);
    at += part.length;
  }
  return paged("span", parts, 1, (part) => isolated(part, folded), "part");
}

/** quoted shows a text in quotation marks. */
export function quoted(text) {
  return el("span", { class: "quoted" }, "“", raw(text), "”");
}

/** bytesOf decodes the base64 of a body. What is not UTF-8 becomes an escape. */
export function bytesOf(base64) {
  const bytes = Uint8Array.from(atob(base64 ?? ""), (c) => c.charCodeAt(0));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return Array.from(bytes, (b) => (b < 0x80 ? String.fromCharCode(b) : `\\x${b.toString(16)}`)).join("");
  }
}
