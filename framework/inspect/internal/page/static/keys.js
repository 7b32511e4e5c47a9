// The keys. They have no effect while the reader types.

import { messagePath } from "./dom.js";
import { toggleReadable } from "./readable.js";

/** listen handles the keys of all views. */
export function listen({ go, list, neighbours, back }) {
  const dialog = document.getElementById("keys");
  const help = () => (dialog.open ? dialog.close() : dialog.showModal());
  document.getElementById("help").addEventListener("click", help);

  const step = (by) => {
    const view = list();
    if (view) return view.select(by);
    const id = neighbours()?.[by > 0 ? "next" : "previous"];
    if (id) go(messagePath(id));
  };
  const actions = {
    j: () => step(1),
    k: () => step(-1),
    n: () => list()?.showNews(),
    p: () => list()?.togglePause(),
    r: () => toggleReadable(),
    s: () => go("/server"),
    "?": help,
    "/": () => {
      if (!list()) back();
      list()?.search.focus();
    },
    Escape: () => {
      if (!list()) back();
      else list().clear();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const typing = event.target.closest?.("input, textarea, select");
    if (typing) {
      if (event.key === "Escape") typing.blur();
      return;
    }
    // The arrows move in the list, and scroll everywhere else.
    const arrow = list() && { ArrowDown: "j", ArrowUp: "k" }[event.key];
    const action = actions[arrow || event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
