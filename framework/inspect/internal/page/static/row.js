// One message in the list.

import { el, link, messagePath } from "./dom.js";
import { clock, duration, list as joined } from "./format.js";
import { badge, refusedOf, replyOf, stageWord } from "./state.js";
import { brief } from "./text.js";

const slowAt = 1e9; // nanoseconds from which a filter is worth a mark
const shownAt = 1e7; // and from which the list names the slowest

/** row shows a summary. The whole row is a link. */
export function row(m) {
  return el("li", { "data-id": m.id },
    link(messagePath(m.id), { class: "row" },
      el("span", { class: "when" }, el("time", { datetime: m.began }, clock(m.began))),
      badge(m),
      el("span", { class: "who" }, envelope(m)),
      el("span", { class: "client" }, client(m.client)),
      el("span", { class: "took" }, duration(m.took_ns)),
      el("span", { class: "what" }, what(m)),
      el("span", { class: "by" }, by(m)),
      el("span", { class: "queue" }, m.queue_id ? brief(m.queue_id, 24) : ""),
    ),
  );
}

/** envelope shows who sent to whom. */
export function envelope(m) {
  if (!m.number) return el("span", { class: "faint" }, "a session without a message");
  const to = m.recipients ?? [];
  return [
    m.sender ? brief(m.sender, 60) : el("span", { class: "faint" }, "<>"), el("span", { class: "arrow", "aria-label": "to" }, " → "),
    to.length ? brief(to[0].address, 60) : el("span", { class: "faint" }, "no recipient seen"),
    to.length > 1 && el("span", { class: "faint" }, ` and ${to.length - 1} more`),
  ];
}

/** client shows a client by its name and address. */
export function client(c) {
  const says = (name) => (name !== `[${c.addr}]` ? name : ""); // a client without a name has its address instead
  const name = says(c.name) || says(c.helo);
  return [name && brief(name, 50), name && c.addr && " ", c.addr && el("span", { class: name ? "faint" : "" }, name ? ["[", brief(c.addr, 46), "]"] : brief(c.addr, 46))];
}

/** what is the reply of what was refused, and otherwise the subject. */
function what(m) {
  const v = m.outcome.verdict;
  const reply = replyOf(v);
  const refused = refusedOf(m);
  if (["rejected", "deferred", "refused", "discarded"].includes(m.outcome.state)) {
    return el("span", { class: "reason" }, v.filter && [el("b", {}, brief(v.filter, 40)), ` at ${stageWord(v.stage)}`], reply && [v.filter && ": ", brief(reply, 140)]);
  }
  if (m.outcome.quarantine) return el("span", { class: "reason" }, "held: ", brief(m.outcome.quarantine, 120));
  return [refused && el("span", { class: "reason" }, refused, " · "), m.subject ? brief(m.subject, 120) : el("span", { class: "faint" }, m.number ? "no subject recorded" : "")];
}

/** by names the filters that failed or edited, and the slowest if that took a while. */
function by(m) {
  const edited = m.edited_by ?? [];
  const failed = m.failed_in ?? [];
  return [
    failed.length > 0 && el("span", { class: "failed" }, "failed: ", joinedNames(failed), " "),
    m.slowest && m.slowest_ns >= shownAt && el("span", { class: m.slowest_ns >= slowAt ? "slow" : "faint" }, "slowest ", brief(m.slowest, 30), ` ${duration(m.slowest_ns)} `),
    edited.length > 0 && el("span", { class: "edited" }, "edited by ", joinedNames(edited)),
  ];
}

function joinedNames(names) {
  return brief(joined(names), 80);
}
