// The view of the server: its load, its limits, its filters, its last errors.

import { ask } from "./api.js";
import { chart } from "./chart.js";
import { el, link, messagePath, section } from "./dom.js";
import { amount, bytes, clock, count, duration, moment, since } from "./format.js";
import { plan } from "./plan.js";
import { recordingWords, shareWords } from "./recording.js";
import { brief, escaped, raw } from "./text.js";

const interval = 5000; // milliseconds

/** serverView draws the server into main, and again every few seconds until the function that it returns is called. */
export function serverView(main) {
  const asked = new AbortController();
  const parts = el("div", {});
  const view = el("article", { class: "server" }, el("h1", { class: "unseen" }, "Server"), parts, section("plan", "Plan", plan()));
  document.title = "Server – Sluice";
  main.replaceChildren(view);
  let timer = 0;

  async function draw() {
    try {
      const s = await ask("/api/server", {}, asked.signal);
      for (const name of ["figures", "limits", "minutes", "filters", "errors"]) s[name] ??= [];
      parts.replaceChildren(...[now, charts, filters, limits, recording, errors].map((part) => part(s)));
    } catch (error) {
      if (error.name === "AbortError") return;
      parts.replaceChildren(el("p", { class: "error" }, error.message));
    }
    timer = setTimeout(next, interval);
  }
  // A hidden tab, and a reader who selects text, are left alone.
  function next() {
    if (document.hidden || !getSelection().isCollapsed) timer = setTimeout(next, interval);
    else draw();
  }
  draw();
  return () => {
    clearTimeout(timer);
    asked.abort();
  };
}

function now(s) {
  const last = s.minutes.at(-2) ?? { messages: 0 };
  return section("now", "Now", el("dl", { class: "figures" },
    figure("messages and empty sessions in the last minute", last.messages.toLocaleString("en")),
    s.figures.map((f) => figure(f.says, amount(f.value, f.unit), f.name, f.bad && f.value !== 0))),
  el("p", { class: "faint" }, `${s.version ? `Version ${s.version}` : "Version unknown"}${s.go ? `, ${s.go}` : ""}, started ${moment(s.started).slice(0, 16)}, ${since(s.started, s.now)} ago.`));
}

function figure(says, value, name, bad) {
  return el("div", { class: bad ? "bad" : "", title: name }, el("dt", {}, says), el("dd", {}, bad && el("span", { class: "sign" }, "! "), value));
}

function charts(s) {
  const minutes = s.minutes.map((m) => m.at);
  const pick = (name) => s.minutes.map((m) => m[name]);
  const passed = s.minutes.map((m) => m.messages - m.refused);
  const open = s.minutes.map((m, i) => (m.messages > 0 || i === s.minutes.length - 1 ? m.connections : null)); // they are counted with messages, and now
  const plain = (n) => Math.round(n).toLocaleString("en");
  return section("load", "The last hour",
    el("div", { class: "charts" },
      chart({ title: "Messages and empty sessions a minute", minutes, show: plain, bars: [{ name: "passed", kind: "passed", values: passed }, { name: "refused", kind: "refused", values: pick("refused") }] }),
      chart({ title: "Connections", minutes, show: plain, lines: [{ name: "open", kind: "p50", values: open }] }),
      chart({ title: "With a failed filter", minutes, show: plain, bars: [{ name: "failed", kind: "refused", values: pick("failed") }] })));
}

function filters(s) {
  const minutes = s.minutes.map((m) => m.at);
  const typical = (f) => Math.max(0, ...f.minutes.map((m) => m.p95_ns));
  const longest = (f) => Math.max(0, ...f.minutes.map((m) => m.longest_ns));
  const first = (of) => [...s.filters].sort((a, b) => of(b) - of(a))[0];
  const [slowest, peak] = [first(typical), first(longest)];
  const times = (f, name) => f.minutes.map((m) => (m.messages > 0 ? m[name] : null)); // without messages there are none
  const worked = s.filters.some((f) => f.minutes.some((m) => m.messages > 0));
  return section("latency", "Filters: how long they work",
    !worked ? el("p", {}, "No filter has worked in the last hour.") : el("p", {}, "The slowest in the last hour: ", el("b", {}, raw(slowest.name)), `, 95 of 100 messages within ${duration(typical(slowest))} in its worst minute. The longest time: `, el("b", {}, raw(peak.name)), `, ${duration(longest(peak))}.`),
    el("div", { class: "charts" }, s.filters.filter((f) => f.messages > 0).map((f) => el("div", {},
      chart({
        title: escaped(f.name), minutes, show: duration,
        lines: [{ name: "half within", kind: "p50", values: times(f, "p50_ns") }, { name: "95% within", kind: "p95", values: times(f, "p95_ns") }],
      }),
      el("p", { class: "faint small" }, `${count(f.messages, "message")}: ${f.edited.toLocaleString("en")} edited, ${f.refused.toLocaleString("en")} refused, ${f.failed.toLocaleString("en")} failed${longest(f) > 0 ? `; longest ${duration(longest(f))}` : ""}. `,
        link(`/?q=${encodeURIComponent(`filter:"${f.name.replaceAll('"', "")}"`)}`, {}, "Its messages"))))));
}

function limits(s) {
  return section("limits", "Limits and budgets", el("table", { class: "wide stack" },
    el("thead", {}, el("tr", {}, ["Limit", "What it limits", "In use", "Of"].map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, s.limits.map((l) => el("tr", {}, el("th", { scope: "row" }, el("code", {}, l.name)), el("td", {}, l.says),
      el("td", { class: "number" }, l.used === undefined ? "" : use(l.used, l.max), l.used === undefined ? el("span", { class: "faint" }, "each message") : amount(l.used, l.unit)),
      el("td", { class: "number" }, amount(l.max, l.unit)))))));
}

/** use draws how much of a limit is in use. */
function use(used, max) {
  const percent = Math.min(100, (100 * used) / Math.max(1, max));
  const bar = el("span", { class: `share${percent > 75 ? " high" : ""}`, role: "img", "aria-label": `${Math.round(percent)}%` }, el("span", {}));
  bar.firstChild.style.width = `${percent}%`;
  return bar;
}

function recording(s) {
  const r = s.recording;
  return section("recorded", "What is recorded", el("p", {}, recordingWords(r), "."), el("dl", { class: "fields" },
    [
      ["Kept", `${shareWords(r)}: ${r.kept.toLocaleString("en")} of ${r.seen.toLocaleString("en")} messages since the start`],
      ["Memory", `${bytes(r.memory_used)} of ${bytes(r.memory)}; the oldest of ${count(r.records, "record")} is of ${r.oldest ? clock(r.oldest) : "–"}; one record has ${bytes(r.max_message)} at most`],
      ["Folder", r.folder ? `${bytes(r.folder_used ?? 0)} of ${bytes(r.folder_size)}${r.dropped ? `; ${count(r.dropped, "record")} could not be written` : ""}` : "none"],
    ].map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    r.folder_error && el("div", {}, el("dt", {}, "Failed"), el("dd", { class: "failed" }, raw(r.folder_error)))));
}

function errors(s) {
  const none = s.errors.length === 0;
  const scope = el("p", { class: "faint" }, none ? "The records in memory have none." : "Those of the records in memory, at most 50.",
    s.recording.folder && [" ", link(`/?q=${encodeURIComponent("failed:")}`, {}, "Search the folder too")]);
  return section("errors", "Last errors of filters", scope, !none && el("table", { class: "wide stack" },
      el("thead", {}, el("tr", {}, ["When", "Filter", "Stage", "Error"].map((h) => el("th", { scope: "col" }, h)))),
      el("tbody", {}, s.errors.map((e) => el("tr", {},
        el("td", {}, e.message ? link(messagePath(e.message), {}, clock(e.at)) : clock(e.at)), el("td", {}, brief(e.filter)), el("td", {}, brief(e.stage)), el("td", {}, raw(e.text)))))));
}
