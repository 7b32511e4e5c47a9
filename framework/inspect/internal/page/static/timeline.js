// The time line: stage by stage how long the filters waited for the mail server, and worked.

import { el, section } from "./dom.js";
import { count, duration } from "./format.js";
import { replyOf, verdictWord } from "./state.js";
import { quoted, raw } from "./text.js";
import { paged } from "./pager.js";

const pageSize = 40;

/** timeline shows the stages of a message. */
export function timeline(m) {
  const stages = inOrder(m.stages ?? []);
  const total = Math.max(1, m.took_ns, stages.at(-1)?.end ?? 0);
  const head = el("thead", {}, el("tr", {}, ["Stage", "Time line", "Waited", "Worked", "Answer"].map((h) => el("th", { scope: "col" }, h))));
  const table = (rows) => el("table", { class: "wide timeline" }, head.cloneNode(true), el("tbody", {}, rows));
  // A stage and its filters belong together: a page has whole stages.
  const groups = [];
  for (let at = 0; at < stages.length; at += pageSize) groups.push(stages.slice(at, at + pageSize));
  return section("timeline", "Time line",
    el("p", { class: "legend" }, el("span", { class: "key waiting" }), " the filters waited for the mail server and its client  ",
      el("span", { class: "key working" }), " filters worked"),
    stages.length === 0 ? el("p", { class: "faint" }, "No stage was recorded.")
      : paged("div", groups, 1, (group) => table(group.map((s) => rows(s, total))), "Part"),
  );
}

/** inOrder lays the stages out one after the other. Commands that came together have the same time. Those of the session before the message have no place. */
function inOrder(stages) {
  let end = 0;
  return stages.map((s) => {
    const start = Math.max(end, s.at_ns - s.waiting_ns); // it waited before its command
    if (!s.earlier) end = start + s.waiting_ns + s.working_ns;
    return { ...s, start, end };
  });
}

/** answerOf shows what the mail server was told. Nearly always that is to go on. */
function answerOf(s) {
  if (!s.reply) return el("span", { class: "faint" }, "none needed");
  return s.reply === "SMFIR_CONTINUE" ? "continue" : raw(s.reply);
}

function rows(s, total) {
  const begin = s.start + s.waiting_ns;
  let at = begin;
  const calls = (s.calls ?? []).map((c) => {
    const row = callRow(c, at, s.earlier ? 0 : total);
    at += c.working_ns;
    return row;
  });
  return [
    el("tr", { class: "stage" },
      el("th", { scope: "row" }, raw(s.name), s.frames > 1 && el("span", { class: "faint" }, ` ×${s.frames.toLocaleString("en")}`)),
      el("td", { class: "bars" }, s.earlier ? el("span", { class: "faint" }, "before the message") : bars([["waiting", s.start, s.waiting_ns], ["working", begin, s.working_ns]], total)),
      el("td", { class: "number" }, s.earlier ? "" : duration(s.waiting_ns)),
      el("td", { class: "number" }, duration(s.working_ns)),
      el("td", {}, answerOf(s))),
    calls,
  ];
}

function callRow(c, at, total) {
  const said = [];
  if (c.verdict) said.push(verdictWord(c.verdict), replyOf(c.verdict) && [": ", quoted(replyOf(c.verdict))]);
  if (c.error) said.push(el("span", { class: "failed" }, said.length > 0 && " ", "failed: ", raw(c.error)));
  return el("tr", { class: "call" },
    el("th", { scope: "row" }, c.filter ? raw(c.filter) : "code of no filter"),
    el("td", { class: "bars" }, total > 0 && bars([["working", at, c.working_ns]], total)),
    el("td", {}),
    el("td", { class: "number" }, duration(c.working_ns),
      c.count > 1 && el("div", { class: "faint small" }, `${count(c.count, "call")}, longest ${duration(c.longest_ns)}`)),
    el("td", {}, said));
}

/** bars draws parts of the time. The numbers beside them say the same. */
function bars(parts, total) {
  return el("div", { class: "track", "aria-hidden": "true" }, parts.filter(([, , took]) => took > 0).map(([kind, from, took]) => {
    const bar = el("span", { class: `bar ${kind}` });
    bar.style.left = `${Math.min(99.6, (100 * from) / total)}%`;
    bar.style.width = `${(100 * took) / total}%`;
    return bar;
  }));
}
