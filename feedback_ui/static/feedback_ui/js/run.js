// A run's page, live. The socket says that something happened; the parts that differ are fetched over HTTP. A gap, a
// reconnect, a focus and every 20 seconds lead to the same fetch, so that a lost message costs time and nothing else.

import { drawCurve } from "./curve.js";
import { drawFigures } from "./figures.js";
import { follow } from "./socket.js";
import { showTimes } from "./times.js";

const EVERY = 20_000;
const page = document.querySelector("[data-run]");
const announce = document.querySelector("[data-announce]");
let seq = Number(page.dataset.seq);
let fetching = null;
let again = false;

const parts = () => [...page.querySelectorAll("[data-digest]")];
const state = () => page.querySelector("[data-state]")?.textContent ?? "";

/** Puts a part in the place of the one that it follows; focus and what was unfolded stay as they were. */
function replace(part) {
  const old = document.getElementById(part.id);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const unfolded = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  old.replaceWith(part);
  for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  showTimes(part);
  drawCurve(part);
  drawFigures(part);
}

async function fetchParts() {
  const have = parts().map((part) => part.dataset.digest).join(",");
  const answer = await fetch(`${page.dataset.live}?have=${have}`, { headers: { "HX-Request": "true" } });
  if (answer.status === 401) window.location.reload();
  if (!answer.ok) return;
  seq = Math.max(seq, Number(answer.headers.get("X-Run-Seq")));
  if (answer.status === 204) return;
  const before = state();
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  for (const part of [...template.content.children]) replace(part);
  if (state() !== before) announce.textContent = state();
}

/** One fetch at a time; what is asked meanwhile is asked once more after it. */
async function refresh() {
  if (fetching) {
    again = true;
    return;
  }
  do {
    again = false;
    fetching = fetchParts().catch(() => {});
    await fetching;
    fetching = null;
  } while (again);
}

follow(`/ws/runs/${page.dataset.run}/`, {
  message: (told) => {
    if (told.seq === null || told.seq > seq) refresh();
  },
  reopened: refresh,
});
window.addEventListener("focus", refresh);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
setInterval(() => document.hidden || refresh(), EVERY);
drawCurve(page);
drawFigures(page);
