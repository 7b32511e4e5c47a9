// The views, and which one the address shows.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { keepRecording } from "./recording.js";
import { listen } from "./keys.js";
import { ListView } from "./list.js";
import { messageView } from "./message.js";
import { serverView } from "./server.js";

const nearby = 100; // newer messages, among which the next one is looked for

/** idOf returns the ID of the message that the address names, or "". */
function idOf(path) {
  if (!path.startsWith("/message/")) return "";
  try {
    return decodeURIComponent(path.slice("/message/".length));
  } catch {
    return path; // of which the server says that it is none
  }
}

const main = document.getElementById("view");
let list = null; // is kept, so that a reader who comes back finds the same place
let leave = () => {};
let beside = {}; // the messages beside the one that is shown

function show() {
  leave();
  leave = () => {};
  const path = location.pathname;
  const id = idOf(path);
  if (id) leave = messageView(main, id, (signal) => besides(id, signal));
  else if (path === "/server") leave = serverView(main);
  else leave = showList();
  const name = path === "/server" ? "server" : "list";
  for (const a of document.querySelectorAll("nav [data-view]")) {
    if (a.dataset.view === name) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

/** besides finds the messages beside one: those in the list, if it is there, or else those before and after it. */
async function besides(id, signal) {
  beside = list?.neighbours(id) ?? {};
  if (beside.previous || beside.next) return beside;
  try {
    const [older, newer] = await Promise.all([
      ask("/api/messages", { before: id, limit: 1 }, signal), ask("/api/messages", { after: id, limit: nearby }, signal),
    ]);
    beside = { next: older.messages[0]?.id, previous: newer.more ? undefined : newer.messages.at(-1)?.id };
  } catch {
    // The message is shown without them.
  }
  return beside;
}

function showList() {
  list ??= new ListView();
  list.show(main, new URLSearchParams(location.search).get("q") ?? "");
  return () => list.hide();
}

function go(href) {
  history.pushState(null, "", href);
  show();
  if (!location.pathname.startsWith("/message/") || main.contains(document.activeElement)) return;
  main.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const a = event.target.closest?.("a[data-link]");
  if (!a || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(a.getAttribute("href"));
});
addEventListener("popstate", show);

listen({
  go,
  list: () => (location.pathname === "/" ? list : null),
  neighbours: () => (idOf(location.pathname) ? beside : null),
  back: () => go(list?.address() ?? "/"),
});
show();
keepRecording(document.getElementById("recording"));
document.body.append(el("span", { hidden: true, id: "ready" }));
