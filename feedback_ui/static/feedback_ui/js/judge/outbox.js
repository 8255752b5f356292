// Answers that could not be sent yet: kept in the browser under their fence and client key, and sent by themselves, in
// order, when the server answers again. Each counts once, however often it was sent.

import { ask } from "./ask.js";
import { forget } from "./drafts.js";
import { announce, clearNotice, desk, notice, show, verdict } from "./regions.js";
import { read, write } from "./storage.js";

const PAUSES = [1_000, 2_000, 4_000, 8_000, 15_000];
const NOT_KEPT = new Set(["csrfmiddlewaretoken"]);

let failures = 0;
let sending = false;
let again;

const place = () => `handgrad.outbox.${desk().dataset.user}`;
const kept = () => read(place()) ?? [];
const keep = (entries) => {
  write(place(), entries);
  tell();
};

export function watchOutbox() {
  window.addEventListener("online", () => flush());
  document.addEventListener("click", (event) => event.target.closest("[data-flush]") && flush());
  tell();
  flush();
}

// Takes an answer in; an earlier try for the same question is replaced by this one.
export function keepForLater(form) {
  const fields = [...new FormData(form)].filter(([name]) => !NOT_KEPT.has(name));
  const request = form.dataset.request;
  keep([...kept().filter((entry) => entry.request !== request), { request, address: form.action, fields }]);
  later();
}

export const waits = (request) => kept().some((entry) => entry.request === request);

export function drop(request) {
  if (waits(request)) keep(kept().filter((entry) => entry.request !== request));
}

function later() {
  clearTimeout(again);
  again = setTimeout(flush, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
}

async function flush() {
  clearTimeout(again);
  if (sending) return;
  sending = true;
  let reply = { outcome: "done" };
  while (kept().length && reply.outcome !== "unreachable") {
    const [entry] = kept();
    reply = await ask(entry.address, bodyOf(entry));
    if (reply.outcome === "done") arrived(entry, reply.text);
    else if (reply.outcome === "refused" || reply.outcome === "lost") returned(entry, reply);
    else break;
  }
  sending = false;
  if (!kept().length) failures = 0;
  else if (reply.outcome === "unreachable" || reply.outcome === "failed") later();
  else notice(reply.outcome);
}

function bodyOf(entry) {
  const body = new FormData();
  for (const [name, value] of entry.fields) body.append(name, value);
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  if (token) body.append(token.name, token.value);
  return body;
}

const inHand = (entry) => !verdict() || verdict().dataset.request === entry.request;

function arrived(entry, text) {
  forget(entry.request);
  keep(kept().filter((other) => other.request !== entry.request));
  if (inHand(entry) && !kept().length) {
    clearNotice();
    show(text);
    desk().focus({ preventScroll: true });
  }
  announce(kept().length ? "Sent one of the answers kept in this browser." : "Connected again. Everything is sent.");
}

// The server does not take it: what was typed comes back, in place of the item in hand only if that is the one.
function returned(entry, { text }) {
  keep(kept().filter((other) => other.request !== entry.request));
  if (inHand(entry)) {
    show(text);
    desk().querySelector("[aria-invalid]")?.focus();
    return;
  }
  const said = new DOMParser().parseFromString(text, "text/html");
  const why = said.querySelector("#notice .note p, .errorlist")?.textContent.trim() ?? "";
  notice("unsent", why);
  document.querySelector("[data-show-unsent]")?.addEventListener("click", () => show(text), { once: true });
}

// The line at the top: shown while something waits here.
function tell() {
  const count = kept().length;
  const line = document.getElementById("outbox");
  line.hidden = !count;
  line.querySelector("[data-count]").textContent = `${count} answer${count === 1 ? "" : "s"} to send`;
}
