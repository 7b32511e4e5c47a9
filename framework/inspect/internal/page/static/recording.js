// What is recorded, in the head of each view.

import { ask } from "./api.js";
import { bytes, count, duration } from "./format.js";

const contents = {
  none: "no content of mail",
  header: "headers, but no bodies",
  all: "headers and bodies",
};

/** recordingWords says what is recorded, in short. */
export function recordingWords(r) {
  const words = [`Records ${contents[r.content] ?? r.content}`];
  if (r.shortened) words.push("local parts of addresses hidden");
  words.push(shareWords(r));
  words.push(`${count(r.records, "record")} in ${bytes(r.memory)} of memory`);
  if (r.folder) words[words.length - 1] += `, not counting the folder of ${bytes(r.folder_size)}`;
  return words.join(" · ");
}

/** shareWords says which messages are kept. */
export function shareWords(r) {
  if (r.share >= 1) return "every message";
  const always = `all that were refused or failed, or in which filters worked for ${duration(r.slow_ns)} or longer`;
  return r.share > 0 ? `${+(r.share * 100).toPrecision(2)}% of the messages, and ${always}` : `only ${always.replace(/^all/, "those")}`;
}

const interval = 15000; // milliseconds

/** keepRecording fills the head, and again every few seconds. */
export function keepRecording(node) {
  draw(node);
  setInterval(() => {
    if (!document.hidden) draw(node);
  }, interval);
}

async function draw(node) {
  try {
    const { recording } = await ask("/api/server");
    node.textContent = recordingWords(recording);
    node.title = node.textContent;
    if (!recording.folder_error) return;
    node.append(" · ");
    const failed = document.createElement("strong");
    failed.textContent = "the folder cannot be written";
    node.append(failed);
  } catch (error) {
    node.textContent = `What is recorded is not known: ${error.message}`;
  }
}
