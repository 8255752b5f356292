// Judging without a mouse. In a text field keys type; on a button or a link Enter presses it; elsewhere they act here.

import { verdict } from "./regions.js";
import { read, write } from "./storage.js";

const SWITCH = "handgrad.single-keys";
const sheet = () => document.getElementById("keys");
const press = (id) => document.getElementById(id)?.click();

const SINGLE = {
  s: () => press("skip"),
  l: () => press("later"),
  u: () => press("undo"),
  h: () => press("read"),
  a: () => verdict()?.querySelector("[data-again] button")?.click(),
  i: () => goOnWriting(openNote() ?? verdict()?.querySelector("[data-write]")),
  "?": () => showSheet(),
};

// The keys of the item in hand; without one, those of every kind.
function showSheet() {
  const kind = document.querySelector("[data-kind]")?.dataset.kind;
  for (const row of sheet().querySelectorAll("[data-of]")) row.hidden = Boolean(kind) && row.dataset.of !== kind;
  sheet().showModal();
}

export function watchKeys() {
  const button = document.getElementById("show-keys");
  button.hidden = false;
  button.addEventListener("click", showSheet);
  const single = document.getElementById("single-keys");
  single.checked = read(SWITCH) !== false;
  single.addEventListener("change", () => write(SWITCH, single.checked));
  document.addEventListener("keydown", (event) => {
    if (!event.isComposing && !event.defaultPrevented && act(event, single.checked)) event.preventDefault();
  });
}

// Whether the key was meant for the desk.
function act(event, singleKeys) {
  const target = event.target.checkVisibility?.() !== false ? event.target : document.body; // a dialog just closed may have the focus still
  const typing = target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  const inDialog = document.querySelector("dialog[open]");
  if (event.key === "Enter" && event.repeat) return !typing; // held down: one press, one deed
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return !inDialog && send();
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "Escape" && typing && !inDialog) return leave(target);
  if (typing) return false;
  if (event.key === "Enter" && !inDialog) return !target.closest("a, button, summary") && send();
  if (!singleKeys) return false;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key !== " " && !scrolls(key, target) && choose(key, inDialog ?? verdict())) return true;
  const deed = !inDialog && SINGLE[key];
  if (deed) deed();
  return Boolean(deed);
}

function send() {
  press("send");
  return true;
}

function leave(field) {
  field.blur();
  return true;
}

// An arrow within something that scrolls sideways scrolls it.
const scrolls = (key, target) => key.startsWith("Arrow") && target.closest(".wide");

// Of a ranking: the note of the text that was placed last.
const openNote = () => {
  const output = verdict()?.querySelector(".board__row--active")?.dataset.output;
  return output && document.getElementById(`note_${output}`);
};

// After what is there already.
function goOnWriting(field) {
  field?.focus();
  field?.setSelectionRange(field.value.length, field.value.length);
}

// What has this key among those that press it.
function choose(key, root) {
  const place = root?.querySelector("[data-current]") ?? root;
  const choice = place?.querySelector(`[data-key~="${CSS.escape(key)}"]`);
  if (!choice) return false;
  if (choice.matches("input")) choice.focus();
  choice.click();
  return true;
}
