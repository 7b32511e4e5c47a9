// How a message ended: a word, a sign and a colour. Each of the first two suffices.

import { el } from "./dom.js";
import { count } from "./format.js";
import { escaped } from "./text.js";

const states = {
  accepted: { sign: "✓", word: "Accepted", tone: "good" },
  rejected: { sign: "✕", word: "Rejected", tone: "bad" },
  deferred: { sign: "↻", word: "Deferred", tone: "warn" },
  discarded: { sign: "∅", word: "Discarded", tone: "bad" },
  quarantined: { sign: "⚑", word: "Held", tone: "warn" },
  aborted: { sign: "–", word: "Aborted", tone: "plain" },
  refused: { sign: "⊗", word: "Refused", tone: "bad" },
};

/** known looks a word up. A name that is not known is shown as it is. */
function known(words, name) {
  return Object.hasOwn(words, name) ? words[name] : escaped(name);
}

/** stateOf returns the words for a state. */
export function stateOf(outcome) {
  return Object.hasOwn(states, outcome.state) ? states[outcome.state] : { sign: "?", word: escaped(outcome.state) || "Unknown", tone: "plain" };
}

/** stateOfMessage returns the words for a message, or for a session that ended without one. */
export function stateOfMessage(m) {
  return !m.number && m.outcome.state === "aborted" ? { ...states.aborted, word: "No message" } : stateOf(m.outcome);
}

/** badge shows the state of a message, or that a session had none. */
export function badge(m) {
  const { outcome } = m;
  const s = stateOfMessage(m);
  return el("span", { class: `state ${s.tone}` }, el("span", { class: "sign", "aria-hidden": "true" }, s.sign), s.word,
    outcome.failed && el("span", { class: "note" }, " (failure)"));
}

const verdicts = {
  continue: "continue", accept: "accept", reject: "reject", tempfail: "defer", discard: "discard", "skip body": "skip the body", skip: "skip the body", reply: "refuse",
};

/** verdictWord names a verdict. */
export function verdictWord(v) {
  return known(verdicts, v?.kind || "continue");
}

/** replyOf returns the reply of a verdict, with its code, or "" if the mail server chose it. */
export function replyOf(v) {
  if (!v?.text) return v?.code ? String(v.code) : "";
  const text = v.text.replaceAll("\n", " / "); // the lines of a long reply
  return v.code && !text.startsWith(String(v.code)) ? `${v.code} ${text}` : text;
}

/** refusedOf counts the refused recipients of a message that has others, or is "". */
export function refusedOf(m) {
  const all = m.recipients ?? [];
  const refused = all.filter((r) => r.refusal).length;
  return refused && refused < all.length ? `${refused.toLocaleString("en")} of ${count(all.length, "recipient")} refused` : "";
}

const stages = {
  connect: "the connection", helo: "HELO", mail: "MAIL FROM", rcpt: "RCPT TO", data: "DATA", header: "the header",
  "end of headers": "the end of the header", body: "the body", "end of message": "the end of the message",
};

/** stageWord names a stage in a sentence. */
export function stageWord(name) {
  return known(stages, name);
}
