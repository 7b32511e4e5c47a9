// Differences between two lists, such as the lines of two bodies.

const maxTable = 1 << 22; // entries: beyond, the middle is shown as removed and added

/** diff returns [sign, item] for each item of both lists: "=" in both, "-" in a alone, "+" in b alone. */
export function diff(a, b, same = (x, y) => x === y) {
  let from = 0;
  while (from < a.length && from < b.length && same(a[from], b[from])) from++;
  let end = 0;
  while (end < a.length - from && end < b.length - from && same(a[a.length - 1 - end], b[b.length - 1 - end])) end++;
  return [
    ...a.slice(0, from).map((x) => ["=", x]),
    ...middle(a.slice(from, a.length - end), b.slice(from, b.length - end), same),
    ...a.slice(a.length - end).map((x) => ["=", x]),
  ];
}

/** middle finds the longest common subsequence, in a table. */
function middle(a, b, same) {
  const wide = b.length + 1;
  if ((a.length + 1) * wide > maxTable) return [...a.map((x) => ["-", x]), ...b.map((y) => ["+", y])];
  const common = new Uint32Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * wide + j] = same(a[i], b[j]) ? common[(i + 1) * wide + j + 1] + 1 : Math.max(common[(i + 1) * wide + j], common[i * wide + j + 1]);
    }
  }
  const list = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && same(a[i], b[j])) {
      list.push(["=", a[i++]]);
      j++;
    } else if (j === b.length || (i < a.length && common[(i + 1) * wide + j] >= common[i * wide + j + 1])) list.push(["-", a[i++]]);
    else list.push(["+", b[j++]]);
  }
  return list;
}

/** around keeps what differs and some items beside it. The rest becomes ["…", number]. */
export function around(list, context = 2) {
  const near = new Uint8Array(list.length);
  list.forEach(([sign], i) => {
    if (sign !== "=") near.fill(1, Math.max(0, i - context), i + context + 1);
  });
  const out = [];
  let skipped = 0;
  list.forEach((item, i) => {
    if (!near[i]) {
      skipped++;
      return;
    }
    if (skipped) out.push(["…", skipped]);
    skipped = 0;
    out.push(item);
  });
  if (skipped) out.push(["…", skipped]);
  return out;
}

/** ends returns how much of the beginnings and of the ends of two texts is the same. */
export function ends(a, b) {
  const points = (text) => [...text];
  const x = points(a);
  const y = points(b);
  let head = 0;
  while (head < x.length && head < y.length && x[head] === y[head]) head++;
  let tail = 0;
  while (tail < x.length - head && tail < y.length - head && x[x.length - 1 - tail] === y[y.length - 1 - tail]) tail++;
  return { head: x.slice(0, head).join(""), was: x.slice(head, x.length - tail).join(""), is: y.slice(head, y.length - tail).join(""), tail: x.slice(x.length - tail).join("") };
}
