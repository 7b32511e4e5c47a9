// The header and the body, before and after each filter that changed them.

import { around, diff, ends } from "./diff.js";
import { el, section } from "./dom.js";
import { bytes, count } from "./format.js";
import { paged } from "./pager.js";
import { readable } from "./readable.js";
import { bytesOf, raw } from "./text.js";

const pageSize = 200;
const compared = 2000; // characters of a changed line, in which the difference is marked

/** content shows the content and its changes, filter by filter. */
export function content(m) {
  const steps = [];
  let header = m.header;
  let body = m.body;
  for (const f of m.filters) {
    const parts = [];
    if (f.header) {
      parts.push(el("h4", {}, "Header"), headerStep(header, f.header, m));
      header = f.header;
    }
    if (f.replaced) {
      parts.push(el("h4", {}, "Body"), bodyStep(body, f, m));
      body = f.new_body;
    }
    if (parts.length > 0) steps.push(el("div", { class: "step" }, el("h3", {}, "Changed by ", raw(f.name)), parts));
  }
  return section("content", "Content",
    steps.length > 0 ? steps : el("p", { class: "faint" }, "No filter changed the header or the body."),
    original(m));
}

function headerStep(before, after, m) {
  if (m.content === "none") return missing("Values of the header were not recorded");
  const lines = (list) => (list ?? []).map((f) => `${f.name}:${/^\s/.test(f.value) ? "" : " "}${f.value}`);
  return changed(diff(lines(before), lines(after)), "field");
}

function bodyStep(before, f, m) {
  if (f.new_body === undefined || f.new_body === null || m.content !== "all") {
    return missing(`Bodies were not recorded; the new one has ${bytes(f.new_body_size ?? 0)}`);
  }
  const unseen = m.body_size === 0 && f === m.filters.find((other) => other.replaced);
  return [unseen && missing("The filters saw no body before: none asks the mail server for it"), changed(diff(linesOf(before), linesOf(f.new_body)), "line")];
}

function linesOf(base64) {
  const lines = bytesOf(base64).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function missing(why) {
  return el("p", { class: "missing" }, why, ".");
}

const words = { "+": "added", "-": "removed", "=": "the same" };

/** changed shows differences, with a sign and a word for each. */
function changed(list, noun) {
  const items = pairs(around(list));
  if (!list.some(([sign]) => sign !== "=")) return el("p", { class: "faint" }, "It is the same as before.");
  return paged("table", items, pageSize, ([sign, text, other]) => {
    if (sign === "…") return el("tr", { class: "same" }, el("td", {}), el("td", { class: "faint" }, `${count(text, noun)} as before`));
    const name = { "+": "added", "-": "removed", "=": "same" }[sign];
    return el("tr", { class: name },
      el("td", { class: "sign" }, el("span", { "aria-hidden": "true" }, sign === "=" ? "" : sign === "-" ? "−" : "+"), el("span", { class: "unseen" }, words[sign])),
      el("td", {}, other === undefined ? raw(text, { folded: true }) : marked(text, other, sign)));
  }, "Lines", { class: "diff" });
}

/** pairs finds a line that was removed and the one that took its place, so that the difference is marked. */
function pairs(list) {
  const out = list.map((item) => [...item]);
  for (let i = 1; i < out.length; i++) {
    const [was, is] = [out[i - 1], out[i]];
    const alone = was[0] === "-" && is[0] === "+" && out[i - 2]?.[0] !== "-" && out[i + 1]?.[0] !== "+";
    if (!alone || was[1].length > compared || is[1].length > compared) continue;
    was[2] = is[1];
    is[2] = was[1];
  }
  return out;
}

function marked(text, other, sign) {
  const e = sign === "-" ? ends(text, other) : ends(other, text);
  const own = sign === "-" ? e.was : e.is;
  const show = (part) => part && raw(part, { folded: true });
  if (e.head.length + e.tail.length === 0) return show(text);
  return [show(e.head), own && el(sign === "-" ? "del" : "ins", {}, show(own)), show(e.tail)];
}

/** original shows the content as it came. */
function original(m) {
  const fields = m.header ?? [];
  if (m.content !== "none" && fields.length === 0 && !m.body_size) return el("p", { class: "faint" }, "The filters saw no header and no body.");
  const body = m.body ? linesOf(m.body) : [];
  return [
    readable(m),
    el("details", { class: "whole" }, el("summary", {}, `The header as it came (${count(fields.length, "field")})`),
      m.content === "none" && missing("Only the names were recorded, if at all"),
      fields.length > 0 ? paged("dl", fields, pageSize, (f) => el("div", {}, el("dt", {}, raw(f.name)), el("dd", {}, raw(f.value.trim(), { folded: true }))), "Fields", { class: "fields" })
        : m.content !== "none" && el("p", { class: "faint" }, "The filters saw no header.")),
    el("details", { class: "whole" }, el("summary", {}, `The body as it came (${bytes(m.body_size)})`),
      body.length > 0 ? paged("div", body, pageSize, (line) => el("div", {}, line ? raw(line) : "\u00a0"), "Lines", { class: "body" })
        : m.body_size > 0 ? missing(m.content === "all" ? "It was not kept: the record exceeded its limit" : "The body was not recorded: see the head of the page")
          : el("p", { class: "faint" }, "The filters saw no body."),
      body.length > 0 && m.cut && missing("The rest may be missing: the record exceeded its limit")),
  ];
}
