// The plan: what the filters ask the mail server for, and who asked for each bit.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { count } from "./format.js";
import { brief, raw } from "./text.js";

/** plan makes a part that is filled when the reader opens it. */
export function plan() {
  const inside = el("div", {}, "…");
  let asked = false;
  return el("details", {
    class: "whole",
    toggle: (event) => {
      if (!event.target.open || asked) return;
      asked = true;
      fill(inside);
    },
  }, el("summary", {}, "What the filters ask the mail server for, and who asked for each bit"), inside);
}

async function fill(inside) {
  try {
    const p = await ask("/api/plan");
    const asked = p.reasons.filter((r) => r.asked);
    inside.replaceChildren(
      el("p", {}, `Filters in their order: `, raw(p.filters.join(", ")), `. ${count(new Set(asked.map((r) => r.bit)).size, "bit")} asked for.`),
      table(p.reasons));
  } catch (error) {
    inside.replaceChildren(el("p", { class: "missing" }, error.message));
  }
}

function table(reasons) {
  return el("table", { class: "wide stack" },
    el("thead", {}, el("tr", {}, ["Asked", "Bit", "Cause", "Filter", "Where"].map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, reasons.map((r) => el("tr", { class: r.asked ? "" : "faint" },
      el("td", {}, r.asked ? "yes" : "no", r.optional && " (wish)"), el("td", {}, el("code", {}, raw(r.bit))), el("td", {}, raw(r.cause)), el("td", {}, brief(r.filter)), el("td", {}, brief(r.where))))));
}
