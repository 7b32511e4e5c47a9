// The other parts of a message's view: facts, recipients, notes, macros, frames.

import { el, section } from "./dom.js";
import { bytes, count, duration, list as joined, moment } from "./format.js";
import { paged } from "./pager.js";
import { replyOf, stateOf, stageWord, verdictWord } from "./state.js";
import { brief, escaped, quoted, raw } from "./text.js";
import { client, envelope } from "./row.js";

const pageSize = 200;

/** keptBecause says why sampling kept a record. */
function keptBecause(m) {
  switch (m.kept) {
    case "sampled":
      return "as an ordinary message";
    case "refused":
      return m.outcome.state === "accepted" || m.outcome.state === "aborted" ? "because a recipient was refused" : `because it was ${stateOf(m.outcome).word.toLowerCase()}`;
    case "failed":
      return "because a filter failed";
    case "slow":
      return "because filters worked for long";
    default:
      return escaped(m.kept);
  }
}

/** changers names the filters that changed the subject, in their order. */
function changers(m) {
  const isSubject = (field) => field?.name.toLowerCase() === "subject";
  return (m.filters ?? []).filter((f) => f.applied && f.edits?.some((e) => isSubject(e.old) || isSubject(e.new))).map((f) => f.name);
}

/** facts shows what identifies a message. */
export function facts(m) {
  const pair = (name, ...value) => [el("dt", {}, name), el("dd", {}, value)];
  return el("dl", { class: "facts" },
    m.number > 0 && pair("Envelope", envelope(m)),
    (m.subject || changers(m).length > 0) && pair("Subject", m.subject ? raw(m.subject) : "none", changers(m).length > 0 && [", changed by ", el("b", {}, brief(joined(changers(m)), 200))]),
    pair("Client", m.client.addr || m.client.name ? client(m.client) : el("span", { class: "faint" }, "not known: no filter asks for connections"), m.client.helo && m.client.helo !== m.client.name && [", HELO ", brief(m.client.helo)], m.client.user && [", user ", brief(m.client.user)]),
    pair("Mail server", brief(m.software || "unknown"), " at ", brief(m.mta)),
    m.queue_id && pair("Queue ID", brief(m.queue_id)),
    pair("Began", el("time", { datetime: m.began }, moment(m.began))),
    pair("Session", brief(m.session), m.number > 1 && `, message ${m.number}`),
    pair("Recorded", keptBecause(m), m.shortened && "; local parts of addresses are hidden"));
}

/** when shows a time since the message began. CONNECT and HELO may have come long before. */
function when(ns) {
  return ns < 0 ? "earlier" : duration(ns);
}

/** recipients shows those of a message, and who refused which. */
export function recipients(m) {
  const list = m.recipients ?? [];
  if (!list.some((r) => r.refusal || r.by_mta || r.args?.length) && list.length < 2) return null;
  const state = (r) => {
    if (r.by_mta) return el("span", { class: "faint" }, "refused by the mail server, before the filters");
    if (!r.refusal) return "accepted";
    return [el("b", { class: "failed" }, "refused"), " by ", raw(r.refusal.filter || "the filters"), ": ", replyOf(r.refusal) ? quoted(replyOf(r.refusal)) : verdictWord(r.refusal)];
  };
  return section("recipients", "Recipients", paged("ul", list, pageSize, (r) => el("li", {}, raw(r.address), r.args?.length > 0 && [" ", raw(r.args.join(" "))], " – ", state(r)), "Recipients", { class: "lines" }));
}

/** notes shows DNS look-ups and what else filters told. */
export function notes(m) {
  const list = m.notes ?? [];
  return section("notes", "Look-ups and notes", list.length === 0
    ? el("p", { class: "faint" }, "The filters told of none.")
    : el("table", { class: "wide stack" },
      el("thead", {}, el("tr", {}, ["At", "Took", "Filter", "Kind", "What"].map((h) => el("th", { scope: "col" }, h)))),
      paged("tbody", list.slice(0, pageSize), pageSize, (n) => el("tr", {},
        el("td", { class: "number" }, when(n.at_ns)), el("td", { class: "number" }, duration(n.took_ns)), el("td", {}, brief(n.filter)), el("td", {}, brief(n.kind)),
        el("td", {}, raw(n.text), n.error && el("div", { class: "failed" }, "failed: ", raw(n.error)))), "Notes")),
    list.length > pageSize && el("p", { class: "note" }, `${count(list.length - pageSize, "further note")}: see the JSON.`));
}

/** attributes shows what filters and middleware added to the log lines. */
export function attributes(m) {
  return pairs("attributes", "Attributes of the log", m.attributes ?? [], (a) => a.key, (a) => a.value);
}

/** macros shows what the mail server told. */
export function macros(m) {
  return pairs("macros", "Macros", m.macros ?? [], (x) => x.name, (x) => [raw(x.value), el("span", { class: "faint" }, ` at ${stageWord(x.stage)}`)]);
}

function pairs(id, title, list, name, value) {
  if (list.length === 0) return null;
  return section(id, title, paged("dl", list, pageSize, (item) => {
    const v = value(item);
    return el("div", {}, el("dt", {}, raw(name(item))), el("dd", {}, typeof v === "string" ? raw(v) : v));
  }, title, { class: "fields" }));
}

/** frames shows the conversation with the mail server. */
export function frames(m) {
  const list = m.frames ?? [];
  const size = list.reduce((sum, f) => sum + f.size, 0);
  return section("frames", "Conversation", el("details", { class: "whole" },
    el("summary", {}, `${count(list.length, "frame")}, ${bytes(size)}${m.cut ? ", not complete" : ""}`),
    paged("ol", list, pageSize, (f) => el("li", { class: f.from_mta ? "from" : "to" },
      el("span", { class: "number" }, when(f.at_ns)),
      el("span", { class: "way" }, f.from_mta ? "MTA →" : "← filter"),
      el("span", { class: "said" }, raw(f.text)),
      el("span", { class: "number faint" }, bytes(f.size))), "Frames", { class: "frames" })));
}
