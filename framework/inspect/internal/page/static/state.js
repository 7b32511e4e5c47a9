// How a message ended: a word, a sign and a colour. Each of the first two suffices.

import { el } from "./dom.js";
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

/** badge shows a state. */
export function badge(outcome) {
  const s = stateOf(outcome);
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

/** replyOf returns the reply of a verdict as the client saw it, or "" if the mail server chose it. */
export function replyOf(v) {
  if (!v?.text) return v?.code ? String(v.code) : "";
  return v.code && !v.text.startsWith(String(v.code)) ? `${v.code} ${v.text}` : v.text;
}

const stages = {
  connect: "the connection", helo: "HELO", mail: "MAIL FROM", rcpt: "RCPT TO", data: "DATA", header: "the header",
  "end of headers": "the end of the header", body: "the body", "end of message": "the end of the message",
};

/** stageWord names a stage in a sentence. */
export function stageWord(name) {
  return known(stages, name);
}
