// Numbers, sizes and times in the form in which people read them.

const nbsp = "\u00a0";

/** duration shows nanoseconds with three digits at most. */
export function duration(ns) {
  if (!ns) return "0";
  for (const [unit, size] of [["ns", 1], ["µs", 1e3], ["ms", 1e6], ["s", 1e9]]) {
    const n = ns / size;
    if (n < 999.5 && (unit !== "s" || n < 119.5)) return `${digits(n)}${nbsp}${unit}`;
  }
  const minutes = ns / 6e10;
  if (minutes < 119.5) return `${digits(minutes)}${nbsp}min`;
  return minutes / 60 < 48 ? `${digits(minutes / 60)}${nbsp}h` : `${digits(minutes / 1440)}${nbsp}days`;
}

function digits(n) {
  return String(n < 9.95 ? Math.round(n * 10) / 10 : Math.round(n));
}

/** bytes shows a size. */
export function bytes(n) {
  let unit = "B";
  for (const next of ["KiB", "MiB", "GiB", "TiB"]) {
    if (n < 1023.5) break;
    n /= 1024;
    unit = next;
  }
  return `${unit === "B" ? n : digits(n)}${nbsp}${unit}`;
}

/** amount shows a number with its unit. */
export function amount(n, unit) {
  if (unit === "bytes") return bytes(n);
  return unit === "ns" ? duration(n) : n.toLocaleString("en");
}

/** count shows a number with a noun. */
export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")}${nbsp}${n === 1 ? one : many}`;
}

/** list joins words: a, b and c. */
export function list(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

const two = (n) => String(n).padStart(2, "0");

/** clock shows a time of today, and the date too if it is another day. */
export function clock(text) {
  const t = new Date(text);
  const time = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return t.toDateString() === new Date().toDateString() ? time : `${day(t)} ${time}`;
}

/** moment shows a time in full. */
export function moment(text) {
  const t = new Date(text);
  return `${day(t)} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}

function day(t) {
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

/** since shows how long ago a time was, in nanoseconds at another. */
export function since(text, now) {
  return duration((new Date(now) - new Date(text)) * 1e6);
}
