// The hold on the item: its time, its heartbeat, its end. The heartbeat carries the draft.
// Only a person who does something keeps an item: one who has left frees it when the time is over.

import { ask } from "./ask.js";
import { confirm, values } from "./drafts.js";
import { clearNotice, notice, onShown, verdict } from "./regions.js";

const AFTER_TYPING = 800; // ms
const BEAT = 60_000;

let endsAt = 0;
let beat = BEAT;
let keptAt = 0;
let active = false;
let ended = false; // no longer to be renewed by itself
let saved = "";
let typing;

export function watchHold() {
  onShown(begin);
  for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"]) {
    document.addEventListener(kind, () => (active = true), { passive: true });
  }
  document.addEventListener("draft:changed", () => {
    saved = "";
    clearTimeout(typing);
    if (!ended) typing = setTimeout(keep, AFTER_TYPING);
  });
  document.addEventListener("submit", () => clearTimeout(typing)); // what is sent needs no draft
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-hold-again]")) keep();
  });
  document.addEventListener("visibilitychange", tick);
  setInterval(tick, 1000);
}

function begin() {
  const form = verdict();
  clearTimeout(typing);
  saved = "";
  active = false;
  ended = !form || form.hasAttribute("data-lost") || form.hasAttribute("data-edit");
  if (!form || form.hasAttribute("data-edit")) return;
  const seconds = Number(form.dataset.seconds);
  start(seconds);
  beat = Math.min(BEAT, (seconds * 1000) / 5);
  tick();
}

function start(seconds) {
  keptAt = Date.now();
  endsAt = keptAt + seconds * 1000;
}

function tick() {
  if (!verdict() || ended) return;
  const left = endsAt - Date.now();
  if (left <= 0) {
    ended = true;
    say("", false);
    notice("expired");
  } else {
    say(`${saved}Held for you for ${remaining(left)}.`, left < 60_000);
    if (active && Date.now() - keptAt > beat) keep();
  }
}

const remaining = (left) => {
  const minutes = Math.round(left / 60_000);
  if (left < 60_000) return "less than a minute";
  return `${minutes} more minute${minutes === 1 ? "" : "s"}`;
};

function say(words, urgent) {
  const line = document.getElementById("hold");
  if (line.textContent !== words) line.textContent = words;
  line.classList.toggle("hold--ending", urgent);
}

async function keep() {
  const form = verdict();
  if (!form) return;
  keptAt = Date.now();
  active = false;
  const sent = values(form);
  const { outcome, text } = await ask(form.dataset.keep, new FormData(form));
  if (form !== verdict()) return; // the next item has come in the meantime
  if (outcome === "done") {
    confirm(form, sent);
    saved = Object.values(sent).some(Boolean) ? "Saved. " : "";
    if (ended) clearNotice();
    ended = false;
    start(JSON.parse(text).seconds);
  } else if (outcome === "lost") {
    ended = true;
    say("", false);
    notice("taken", JSON.parse(text).message);
  } else if (outcome === "signed-out" || outcome === "out-of-date") {
    notice(outcome);
  } else {
    saved = "Kept in this browser. ";
  }
  tick();
}
