// Who changed what: each filter with its verdict, its time and its edits in words.

import { el, section } from "./dom.js";
import { bytes, count, duration, list as joined } from "./format.js";
import { paged } from "./pager.js";
import { replyOf, stageWord, verdictWord } from "./state.js";
import { brief, quoted, raw } from "./text.js";
import { errorOf } from "./answer.js";

const pageSize = 50;

/** changes shows all filters of a message. */
export function changes(m) {
  const longest = Math.max(1, ...m.filters.map((f) => f.working_ns));
  const involved = (f) => f.called || f.failed || f.edits?.length > 0;
  const others = m.filters.filter((f) => !involved(f)).map((f) => f.name);
  return section("filters", "Filters", el("table", { class: "wide stack filters" },
    el("thead", {}, el("tr", {}, ["Filter", "Verdict", "Worked", "What it changed"].map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, m.filters.filter(involved).map((f) => el("tr", {},
      el("th", { scope: "row" }, raw(f.name), f.dry_run && el("span", { class: "tag" }, "dry run")),
      el("td", {}, verdict(m, f)),
      el("td", { class: "number" }, share(f.working_ns, longest), duration(f.working_ns)),
      el("td", {}, edits(f)),
    ))),
  ), others.length > 0 && el("p", { class: "faint" }, "Not called for this message: ", brief(joined(others), 1000), "."));
}

/** share draws how long a filter worked beside the slowest. */
function share(ns, longest) {
  const bar = el("span", { class: "share", "aria-hidden": "true" }, el("span", {}));
  bar.firstChild.style.width = `${(100 * ns) / longest}%`;
  return bar;
}

function verdict(m, f) {
  const words = [verdictWord(f.verdict)];
  const refused = (m.recipients ?? []).filter((r) => r.refusal?.filter === f.name);
  if (refused.length > 0 && !f.failed) return refusedRecipients(m, refused, f);
  if (f.verdict.kind !== "continue" && f.verdict.stage) words.push(` at ${stageWord(f.verdict.stage)}`);
  if (replyOf(f.verdict)) words.push(": ", quoted(replyOf(f.verdict)));
  if (f.failed) words.push(el("div", { class: "failed" }, "failed", errorOf(m, f.name) && [": ", raw(errorOf(m, f.name).error)]));
  return words;
}

/** refusedRecipients says which recipients a filter refused, beside its verdict on the message. */
function refusedRecipients(m, refused, f) {
  const first = replyOf(refused[0].refusal);
  return [`refused ${refused.length.toLocaleString("en")} of ${count(m.recipients.length, "recipient")}`, first && [": ", quoted(first)], refused.length > 1 && " …",
    f.verdict.kind !== "continue" && el("div", {}, `then ${verdictWord(f.verdict)}`, replyOf(f.verdict) && [": ", quoted(replyOf(f.verdict))])];
}

function edits(f) {
  const asked = f.edits ?? [];
  const notes = [];
  if (f.incomplete) notes.push("Some of its edits are missing here, because the memory was used up. ");
  if (asked.length > 0 && !f.applied) notes.push(f.dry_run ? "Not applied: dry run. " : "Not applied: the message ended before. ");
  if (asked.length === 0) return notes.length ? notes : el("span", { class: "faint" }, "nothing");
  return [notes.length > 0 && el("p", { class: "note" }, notes), paged("ul", asked, pageSize, (e) => el("li", {}, editWords(e, f)), "Edits", { class: "edits" })];
}

/** editWords says what an edit does. */
export function editWords(e, f) {
  const name = (field) => el("b", {}, raw(field?.name));
  const value = (field) => raw((field?.value ?? "").trim(), { folded: true });
  switch (e.kind) {
    case "addheader":
      return ["added ", name(e.new), ": ", value(e.new)];
    case "insheader":
      return ["inserted ", name(e.new), ": ", value(e.new), e.prepend ? " above the mail server’s own Received" : e.above ? ` below ${count(e.above, "field")}` : " at the top"];
    case "chgheader":
      return ["changed ", name(e.new ?? e.old), e.old?.value ? [" from ", quoted(e.old.value.trim())] : "", " to ", quoted((e.new?.value ?? "").trim())];
    case "renheader":
      return ["renamed ", name(e.old), " to ", name(e.new)];
    case "delheader":
      return ["deleted ", name(e.old), e.old?.value ? [": ", value(e.old)] : ""];
    case "addrcpt":
    case "addrcpt_par":
      return ["added the recipient ", raw(e.address), e.args ? [" with ", raw(e.args)] : ""];
    case "delrcpt":
      return ["removed the recipient ", raw(e.address)];
    case "chgfrom":
      return ["changed the sender to ", raw(e.address || "<>"), e.args ? [" with ", raw(e.args)] : ""];
    case "replacebody":
      return ["replaced the body", f.new_body_size ? ` (${bytes(f.new_body_size)} now)` : ""];
    case "quarantine":
      return ["asked to hold the message: ", quoted(e.reason)];
    default:
      return [raw(e.kind), " ", raw(e.address ?? e.new?.name ?? "")];
  }
}
