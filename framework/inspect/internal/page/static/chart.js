// Pictures of the last hour. A table beside each one says the same in numbers.

import { el, svg } from "./dom.js";

const width = 600;
const height = 96;

/** chart draws series over minutes: bars from below, and lines. A value of a line that is null is not known: it leaves a gap. */
export function chart({ title, minutes, bars = [], lines = [], show }) {
  const top = Math.max(1, ...minutes.map((_, i) => bars.reduce((sum, b) => sum + b.values[i], 0)), ...lines.flatMap((l) => l.values));
  const x = (i) => (i * width) / minutes.length;
  const y = (n) => height - (0.97 * height * n) / top;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: ${words([...bars, ...lines], show)}` });
  for (const fraction of [0.5, 1]) picture.append(svg("line", { class: "grid", x1: 0, x2: width, y1: y(top * fraction), y2: y(top * fraction) }));
  minutes.forEach((at, i) => {
    let below = 0;
    for (const b of bars) {
      const value = b.values[i];
      if (value > 0) picture.append(svg("rect", { class: b.kind, x: x(i) + 1, width: width / minutes.length - 2, y: y(below + value), height: Math.max(1, y(below) - y(below + value)) }));
      below += value;
    }
  });
  for (const l of lines) {
    for (const part of partsOf(l.values)) picture.append(svg("polyline", { class: l.kind, points: pointsOf(part, width / minutes.length, y).join(" ") }));
  }
  return el("figure", { class: "chart" },
    el("figcaption", {}, el("span", {}, title), el("span", { class: "keys" }, [...bars, ...lines].map((s) => el("span", { class: `series ${s.kind}` }, `${s.name} ${shown(s.values.at(-1), show)} now`)))),
    el("div", { class: "plot" }, picture, el("span", { class: "scale upper" }, show(top)), el("span", { class: "scale lower" }, "0")),
    el("div", { class: "axis", "aria-hidden": "true" }, ["60 min ago", "30", "now"].map((t) => el("span", {}, t))));
}

/** partsOf splits the values of a line at its gaps: lists of [minute, value]. */
export function partsOf(values) {
  const parts = [];
  values.forEach((n, i) => {
    if (n === null) return;
    if (i === 0 || values[i - 1] === null) parts.push([]);
    parts.at(-1).push([i, n]);
  });
  return parts;
}

/** pointsOf returns the points of a part, in the middle of each minute. A minute alone is as wide as it is long. */
function pointsOf(part, step, y) {
  const point = (at, n) => `${(at * step).toFixed(1)},${y(n).toFixed(1)}`;
  if (part.length > 1) return part.map(([i, n]) => point(i + 0.5, n));
  const [[i, n]] = part;
  return [point(i, n), point(i + 1, n)];
}

/** shown shows a value, or that none is known. */
function shown(n, show) {
  return n === null ? "–" : show(n ?? 0);
}

function words(series, show) {
  return series.map((s) => `${s.name} now ${s.values.at(-1) === null ? "not known" : shown(s.values.at(-1), show)}, at most ${show(Math.max(0, ...s.values))}`).join("; ");
}
