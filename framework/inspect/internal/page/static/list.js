// The list of messages. New ones appear on top, unless that would move what the reader looks at:
// then a button says how many there are.

import { ask } from "./api.js";
import { el, say } from "./dom.js";
import { count } from "./format.js";
import { follow } from "./live.js";
import { row } from "./row.js";

const pageSize = 50;
const maxRows = 500; // beyond which the oldest leave, as they are a click away
const still = 3000; // milliseconds after which a pointer that rests over the list is no longer in use
const maxNews = 200; // that wait: beyond them the list is fetched anew
const narrow = matchMedia("(max-width: 700px)"); // as in the style sheet

const examples = [
  ["state:rejected", "what was rejected; also deferred, held (state:quarantined), discarded, accepted"],
  ["filter:spf", "where a filter refused, edited, failed or was the slowest"],
  ["edited:headers", "what a filter edited"],
  ["to:ben@example.org", "a recipient; also from: and addr: for either"],
  ["client:198.51.100", "a client by its address, name, HELO or user"],
  ["queue:4bX0", "the queue ID of the mail server"],
  ["subject:invoice", "the subject, if headers are recorded"],
  ["took:2s", "what took two seconds or longer"],
  ["reply:4.7.1 -filter:greylist", "a part of the reply; a minus excludes"],
];

export class ListView {
  constructor() {
    this.query = "";
    this.news = [];
    this.paused = false;
    this.search = el("input", {
      type: "search", id: "search", name: "q", autocomplete: "off", spellcheck: "false", maxlength: 500, "aria-keyshortcuts": "/",
      "aria-describedby": "search-error",
      input: () => this.typed(),
    });
    this.hint();
    narrow.addEventListener("change", () => this.hint());
    this.error = el("p", { id: "search-error", class: "error", role: "alert" });
    this.partial = el("p", { class: "error", role: "status" });
    this.live = el("span", { class: "live" });
    this.pause = el("button", { type: "button", "aria-keyshortcuts": "p", click: () => this.togglePause() }, "Pause");
    this.newsButton = el("button", { type: "button", class: "news", hidden: true, "aria-keyshortcuts": "n", click: () => this.showNews() });
    this.rows = el("ol", { class: "rows", "aria-label": "Messages, newest first" });
    this.older = el("button", { type: "button", class: "older", hidden: true, click: () => this.loadOlder() }, "Show older ones");
    this.empty = el("div", { class: "empty", hidden: true });
    const form = el("form", { role: "search", class: "search", submit: (event) => { event.preventDefault(); this.reload(); } },
      el("label", { for: "search", class: "unseen" }, "Search messages"), this.search, this.pause, this.live);
    this.node = el("div", { class: "list" }, el("h1", { class: "unseen" }, "Messages"), form, this.error, this.partial, this.newsButton, this.rows, this.empty, this.older);
    this.node.addEventListener("focusin", (event) => this.mark(event.target.closest(".row")));
    this.pointed = -still;
    this.rows.addEventListener("pointermove", () => (this.pointed = performance.now()));
    this.rows.addEventListener("pointerleave", () => (this.pointed = -still));
  }

  /** hint says in the field what can be searched for, as far as there is room. */
  hint() {
    this.search.placeholder = narrow.matches ? "Search: address, queue id …" : "Search: queue id, address, client, filter, subject …";
  }

  /** show puts the list into the page. */
  show(main, query) {
    document.title = "Messages – Sluice";
    main.replaceChildren(this.node);
    if (this.shown && query === this.query) {
      scrollTo(0, this.scrolled ?? 0);
      this.rows.querySelector(".row.selected")?.focus({ preventScroll: true });
      this.connect();
      return;
    }
    this.shown = true;
    this.query = this.search.value = query;
    this.reload();
  }

  /** hide is called when another view takes the place. */
  hide() {
    this.scrolled = scrollY;
    this.disconnect?.();
    clearTimeout(this.typing);
    clearTimeout(this.settling);
  }

  address() {
    return this.query ? `/?q=${encodeURIComponent(this.query)}` : "/";
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.reload(), 200);
  }

  /** reload fetches the list anew. */
  async reload() {
    clearTimeout(this.typing);
    this.query = this.search.value.trim();
    history.replaceState(null, "", this.address());
    this.disconnect?.();
    this.asked?.abort();
    this.asked = new AbortController();
    this.setNews([]);
    try {
      const list = await ask("/api/messages", { q: this.query, limit: pageSize }, this.asked.signal);
      this.error.textContent = this.partial.textContent = "";
      this.rows.replaceChildren(...list.messages.map(row));
      this.newest = list.messages[0]?.id;
      this.after(list);
      this.connect();
      if (this.query) say(`${count(list.messages.length, "message")}${list.more ? " or more" : ""} found`);
    } catch (error) {
      if (error.name !== "AbortError") this.error.textContent = error.message;
    }
  }

  async loadOlder() {
    this.older.disabled = true;
    try {
      const list = await ask("/api/messages", { q: this.query, limit: pageSize, before: this.next });
      this.rows.append(...list.messages.map(row));
      this.after(list);
    } catch (error) {
      this.error.textContent = error.message;
    }
    this.older.disabled = false;
  }

  /** after follows a part of the list. */
  after(list) {
    this.next = list.next;
    this.warn(list);
    this.older.hidden = !list.more;
    this.older.textContent = list.messages.length < pageSize && list.more ? "Search in older ones" : "Show older ones";
    this.drawEmpty();
  }

  /** warn says that a part of the list lacks records. That holds until the list is fetched anew. */
  warn(list) {
    if (list.partial) this.partial.textContent = "The folder’s disk takes too long: messages that other processes recorded may be missing here.";
  }

  connect() {
    this.disconnect?.();
    const stop = follow({
      query: this.query, after: this.newest,
      news: (list) => this.came(list),
      state: (now) => {
        this.connection = now;
        this.drawLive();
      },
    });
    this.disconnect = () => {
      stop();
      this.disconnect = null;
    };
    this.drawLive();
  }

  /** came receives new records, newest first. */
  came(list) {
    this.newest = list.messages[0].id;
    this.warn(list);
    this.gap ||= list.more || this.news.length + list.messages.length > maxNews;
    this.setNews([...list.messages, ...this.news].slice(0, maxNews));
    this.settle();
  }

  /** settle shows what is new as soon as that moves nothing that the reader looks at. */
  settle() {
    clearTimeout(this.settling);
    if (!this.mustWait()) this.showNews();
    else if (this.isPointed()) this.settling = setTimeout(() => this.settle(), still);
  }

  isPointed() {
    return performance.now() - this.pointed < still;
  }

  /** mustWait reports whether new rows would move what the reader looks at. */
  mustWait() {
    return this.paused || scrollY > 40 || this.isPointed() || this.rows.querySelector(".selected") !== null;
  }

  setNews(list) {
    this.news = list;
    this.newsButton.hidden = list.length === 0;
    this.newsButton.textContent = `${list.length}${this.gap ? " or more" : ""} new`;
    if (list.length === 0) this.gap = false;
  }

  /** showNews puts what waits on top. */
  showNews() {
    if (this.news.length === 0) return;
    const list = this.news;
    const asked = !this.newsButton.hidden && document.activeElement === this.newsButton;
    if (this.gap) return this.reload();
    this.setNews([]);
    this.rows.prepend(...list.map(row));
    while (this.rows.children.length > maxRows) this.dropOldest();
    this.drawEmpty();
    if (this.mustWait()) scrollTo(0, 0);
    if (asked) this.rows.querySelector(".row").focus();
  }

  dropOldest() {
    this.rows.lastElementChild.remove();
    this.next = this.rows.lastElementChild.dataset.id;
    this.older.hidden = false;
  }

  togglePause() {
    this.paused = !this.paused;
    this.pause.textContent = this.paused ? "Go on" : "Pause";
    this.drawLive();
    say(this.paused ? "The list is paused" : "The list goes on");
    if (!this.paused) this.showNews();
  }

  drawLive() {
    const now = this.paused ? "paused" : this.connection ?? "waiting";
    this.live.dataset.state = now;
    this.live.textContent = { live: "live", paused: "paused", waiting: "not connected" }[now];
  }

  drawEmpty() {
    this.empty.hidden = this.rows.children.length > 0;
    if (this.empty.hidden) return;
    const title = this.query ? "No message matches." : "No message has come yet.";
    const help = this.query ? "Searches such as these find messages:" : "They appear here as soon as mail passes the filters. Searches find them later:";
    this.empty.replaceChildren(el("h2", {}, title), el("p", {}, help), el("dl", { class: "examples" }, examples.map(([q, says]) => [
      el("dt", {}, el("button", { type: "button", click: () => this.searchFor(q) }, el("code", {}, q))), el("dd", {}, says),
    ])));
  }

  searchFor(query) {
    this.search.value = query;
    this.reload();
  }

  /** select moves the mark up or down. */
  select(by) {
    const all = [...this.rows.querySelectorAll(".row")];
    if (all.length === 0) return;
    const at = all.findIndex((a) => a.classList.contains("selected"));
    const next = all[Math.min(Math.max(at < 0 ? 0 : at + by, 0), all.length - 1)];
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  mark(chosen) {
    this.rows.querySelector(".selected")?.classList.remove("selected");
    chosen?.classList.add("selected");
  }

  /** clear takes back the mark, and then the search. */
  clear() {
    if (this.rows.querySelector(".selected")) {
      document.activeElement?.blur();
      this.mark(null);
      if (!this.mustWait()) this.showNews();
    } else if (this.query) this.searchFor("");
  }

  /** neighbours returns the IDs of the messages beside one in the list. */
  neighbours(id) {
    const at = this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`);
    this.mark(at?.querySelector(".row"));
    return { previous: at?.previousElementSibling?.dataset.id, next: at?.nextElementSibling?.dataset.id };
  }
}

