// One question to the server, and its outcome in the desk's own terms.

const PATIENCE = 20_000; // ms
const OUTCOMES = { 401: "signed-out", 403: "out-of-date", 409: "lost", 422: "refused" };

// -> { outcome: "done" | "refused" | "lost" | "signed-out" | "out-of-date" | "unreachable" | "failed", text, elsewhere, ahead };
// `elsewhere` is the address of a page to go to instead, `ahead` the name of an item that was fetched before.
export async function ask(url, body, headers = {}) {
  try {
    const answer = await fetch(url, {
      method: body ? "POST" : "GET",
      body: body && new URLSearchParams(body), // a third of what the parts of a multipart form cost to read
      headers: { "HX-Request": "true", ...headers },
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await answer.text();
    const outcome = answer.ok ? "done" : (OUTCOMES[answer.status] ?? "failed");
    return { outcome, text, elsewhere: answer.headers.get("HX-Redirect"), ahead: answer.headers.get("Desk-Ahead") };
  } catch {
    return { outcome: "unreachable", text: "" };
  }
}
