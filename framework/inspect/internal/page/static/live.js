// New records as they come. EventSource connects again after a connection broke, but not after a
// refusal, so that this does.

const again = 10000; // milliseconds

/** follow calls news with each list of records, newest first, until the function that it returns is called. */
export function follow({ query, after, news, state }) {
  let source = null;
  let timer = 0;
  let last = after ?? "";

  function open() {
    const parameters = new URLSearchParams({ ...(query && { q: query }), ...(last && { after: last }) });
    source = new EventSource(`/api/events?${parameters}`);
    source.addEventListener("open", () => state("live"));
    source.addEventListener("messages", (event) => {
      last = event.lastEventId;
      news(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      state("waiting");
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, again);
    });
  }

  // A browser has six connections to a server, for all of its tabs: one that is hidden takes none.
  function look() {
    if (document.hidden) close();
    else if (!source) open();
  }

  function close() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    document.removeEventListener("visibilitychange", look);
    close();
  };
}
