// The view of one message: first what happened, then who changed what, then everything else.

import { answer } from "./answer.js";
import { ask } from "./api.js";
import { changes } from "./changes.js";
import { content } from "./content.js";
import { el, link, messagePath, say, section } from "./dom.js";
import { attributes, facts, frames, macros, notes, recipients } from "./facts.js";
import { plan } from "./plan.js";
import { badge, stateOfMessage } from "./state.js";
import { escaped } from "./text.js";
import { timeline } from "./timeline.js";

/** messageView draws a message into main, and returns a function that ends the view. */
export function messageView(main, id, neighbours) {
  const asked = new AbortController();
  scrollTo(0, 0);
  draw(main, id, neighbours, asked.signal);
  return () => asked.abort();
}

async function draw(main, id, neighbours, signal) {
  try {
    const [m, beside] = await Promise.all([ask(`/api/messages/${encodeURIComponent(id)}`, {}, signal), neighbours(signal)]);
    const name = escaped(m.queue_id || m.id);
    document.title = `${stateOfMessage(m).word}: ${name} – Sluice`;
    main.replaceChildren(el("article", { class: "message" }, head(m, beside),
      ...[changes, recipients, timeline, content, notes, attributes, macros, frames].map((part) => part(m)).filter(Boolean),
      section("plan", "Plan", plan())));
    main.querySelector("h1").focus({ preventScroll: true });
    say(`Message ${name}: ${stateOfMessage(m).word}`);
  } catch (error) {
    if (error.name === "AbortError") return;
    document.title = "Sluice";
    main.replaceChildren(el("article", { class: "message" }, el("h1", {}, "This message cannot be shown"), el("p", { class: "error" }, error.message), link("/", {}, "All messages")));
  }
}

function head(m, beside) {
  const step = (to, text, key) => to && link(messagePath(to), { "aria-keyshortcuts": key }, text);
  const raw = `/api/messages/${encodeURIComponent(m.id)}`;
  return el("header", { class: "head" },
    el("h1", { tabindex: "-1" }, badge(m)),
    el("p", { class: "ways" }, step(beside.previous, "Newer", "k"), step(beside.next, "Older", "j"),
      el("a", { href: `${raw}/record`, download: true }, "Download the record"), el("a", { href: raw }, "JSON")),
    answer(m), facts(m));
}
