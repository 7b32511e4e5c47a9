// What happened to a message, in a sentence or two: the answer for who asks why it was refused.

import { el } from "./dom.js";
import { bytes, count, duration, list } from "./format.js";
import { refusedOf, replyOf, stageWord } from "./state.js";
import { quoted, raw } from "./text.js";

/** errorOf returns the first error of a filter. */
export function errorOf(m, filter) {
  for (const s of m.stages ?? []) {
    for (const c of s.calls ?? []) if (c.error && (!filter || c.filter === filter)) return c;
  }
  return undefined;
}

/** answer returns the sentences. */
export function answer(m) {
  return el("div", { class: "answer" }, el("p", { class: "sentence" }, outcome(m)), el("p", {}, besides(m)));
}

function outcome(m) {
  const v = m.outcome.verdict;
  const who = v.filter ? ["the filter ", el("b", {}, raw(v.filter))] : ["the filters"];
  const at = v.stage ? ` at ${stageWord(v.stage)}` : "";
  const failure = m.outcome.failed && errorOf(m, v.filter);
  const why = m.outcome.failed ? [", because it failed", failure && [": ", quoted(failure.error)]] : "";
  switch (m.outcome.state) {
    case "accepted":
      return accepted(m);
    case "quarantined":
      return ["Accepted and held", heldBy(m), m.outcome.quarantine ? [": ", quoted(m.outcome.quarantine)] : "."];
    case "discarded":
      return ["Accepted and dropped by ", who, at, ": the client believes that it was delivered."];
    case "aborted":
      if (!m.number) return ["The session ended without a message: the client sent none."];
      return [`Ended without a verdict${at ? ` after ${stageWord(v.stage)}` : ""}: the client or the mail server gave the message up.`];
    case "refused":
      return ["The client was refused by ", who, at, why, ". ", seen(m)];
    default:
      return [m.outcome.state === "deferred" ? "Deferred by " : "Rejected by ", who, at, refusedRecipients(m), why, ". ", seen(m)];
  }
}

/** heldBy names the filter that asked for a quarantine: the last one counts. */
function heldBy(m) {
  const f = (m.filters ?? []).findLast((f) => f.applied && f.edits?.some((e) => e.kind === "quarantine"));
  return f && [" by the filter ", el("b", {}, raw(f.name))];
}

function accepted(m) {
  const edited = m.edited_by ?? [];
  const saw = (m.filters ?? []).filter((f) => f.called).length;
  return [
    `Accepted. ${count(saw, "filter")} saw it`,
    edited.length > 0 ? ["; ", el("b", {}, raw(list(edited))), " edited it."] : " and none edited it.",
    refusedOf(m) && [" ", el("b", {}, refusedOf(m)), "."],
  ];
}

function refusedRecipients(m) {
  const all = m.recipients ?? [];
  const refused = all.filter((r) => r.refusal).length;
  if (refused === all.length) return refused > 1 ? ` (all ${count(refused, "recipient")})` : "";
  return refused ? ` (${refused.toLocaleString("en")} of ${count(all.length, "recipient")})` : "";
}

/** seen says what the client was told. (Sendmail puts the address before the text.) */
function seen(m) {
  const reply = replyOf(m.outcome.verdict);
  return reply ? ["The reply was ", quoted(reply), "."] : "The mail server chose the text of the reply.";
}

/** besides says how long it took, and what else a reader should know. */
function besides(m) {
  const words = [`It took ${duration(m.took_ns)}; the filters worked for ${duration(m.working_ns)} of that`];
  if (m.slowest) words.push(", most of it ", el("b", {}, raw(m.slowest)), ` (${duration(m.slowest_ns)})`);
  words.push(".");
  const failed = (m.failed_in ?? []).filter((f) => !(m.outcome.failed && f === m.outcome.verdict.filter));
  for (const f of failed) words.push(" ", el("b", {}, raw(f)), " failed", errorOf(m, f) && [": ", quoted(errorOf(m, f).error)], ".");
  if (m.cut) words.push(" The record is not complete: it exceeded the limit for one message.");
  if (m.body_size) words.push(` The body had ${bytes(m.body_size)}.`);
  return words;
}
