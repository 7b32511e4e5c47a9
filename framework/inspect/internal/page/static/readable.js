// The mail as people read it. The server decodes it on request. HTML is shown as its source, and
// files by their names.

import { ask } from "./api.js";
import { el, say } from "./dom.js";
import { bytes } from "./format.js";
import { paged } from "./pager.js";
import { raw } from "./text.js";

const pageSize = 200;

/** readable shows a message for people, when it is opened. */
export function readable(m) {
  const box = el("div");
  let asked = false;
  const open = async () => {
    if (!details.open || asked) return;
    asked = true;
    box.replaceChildren(el("p", { class: "faint" }, "Decoding …"));
    try {
      box.replaceChildren(...draw(await ask(`/api/messages/${encodeURIComponent(m.id)}/readable`)));
      if (box.isConnected) say("The mail is decoded"); // the reader may have left
    } catch (error) {
      asked = false; // opening it again tries again
      box.replaceChildren(el("p", { class: "error", role: "alert" }, error.message));
    }
  };
  const details = el("details", { id: "readable", class: "whole", toggle: open },
    el("summary", { "aria-keyshortcuts": "r" }, "The mail as it came, decoded"), box);
  return details;
}

/** toggleReadable opens or closes it, if the view has it. */
export function toggleReadable() {
  const details = document.getElementById("readable");
  if (!details) return;
  details.open = !details.open;
  if (details.open) details.scrollIntoView({ block: "start" });
}

function draw(mail) {
  return [
    mail.missing && el("p", { class: "missing" }, mail.missing[0].toUpperCase() + mail.missing.slice(1), "."),
    fields(mail),
    mail.part && el("ul", { class: "mime" }, part(mail.part)),
  ].flat().filter(Boolean);
}

/** fields shows the header of a message. */
function fields({ header, header_cut }) {
  return [
    header?.length > 0 && paged("dl", header, pageSize, (f) => el("div", {}, el("dt", {}, raw(f.name)), el("dd", {}, raw(f.value), problems([f.problem]))), "Fields", { class: "fields" }),
    header_cut && el("p", { class: "missing" }, "The rest of the header is not shown."),
  ];
}

function problems(list) {
  return (list ?? []).filter(Boolean).map((text) => el("span", { class: "problem" }, " ", raw(text)));
}

/** part shows a part and those in it. */
function part(p) {
  const notes = [p.disposition, p.charset, p.encoding].filter(Boolean);
  return el("li", {},
    el("p", { class: "kind" }, el("strong", {}, raw(p.type)), (p.names ?? []).map((name) => [" ", raw(name)]), ` ${bytes(p.size)} `,
      el("span", { class: "faint" }, notes.map((note) => [raw(note), " "]), p.text && p.type === "text/html" && "source, not rendered"), problems(p.problems)),
    p.uuencoded?.length > 0 && el("p", { class: "kind" }, "uuencoded:", p.uuencoded.map((name) => [" ", raw(name)])),
    fields(p),
    text(p),
    p.parts && el("ul", { class: "mime" }, p.parts.map(part)));
}

function text(p) {
  const lines = (p.text ?? "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return [
    p.text && paged("div", lines, pageSize, (line) => el("div", {}, line ? raw(line) : "\u00a0"), "Lines", { class: "body" }),
    p.text_cut && el("p", { class: "missing" }, "The rest of the text is not shown."),
  ];
}
