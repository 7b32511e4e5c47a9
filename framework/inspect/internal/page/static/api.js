// The JSON API.

/** ask fetches JSON. It throws an Error with the server's words. */
export async function ask(path, parameters, signal) {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value);
  const query = new URLSearchParams(given).toString();
  const answer = await fetch(query ? `${path}?${query}` : path, { signal, headers: { Accept: "application/json" } });
  const data = await answer.json().catch(() => ({ error: `the server answered with status ${answer.status}` }));
  if (answer.status === 401) location.reload(); // to the form for the token
  if (!answer.ok) throw Object.assign(new Error(data.error), { status: answer.status });
  return data;
}
