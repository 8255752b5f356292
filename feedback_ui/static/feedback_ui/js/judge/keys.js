// Judging without a mouse. In a text field keys type; on a button or a link Enter presses it; elsewhere they act here.

import { verdict } from "./regions.js";
import { read, write } from "./storage.js";

const SWITCH = "handgrad.single-keys";
const sheet = () => document.getElementById("keys");
const press = (id) => document.getElementById(id)?.click();

const SINGLE = {
  s: () => press("skip"),
  l: () => press("later"),
  i: () => document.getElementById("improvements")?.focus(),
  "?": () => sheet().showModal(),
};

export function watchKeys() {
  const button = document.getElementById("show-keys");
  button.hidden = false;
  button.addEventListener("click", () => sheet().showModal());
  const single = document.getElementById("single-keys");
  single.checked = read(SWITCH) !== false;
  single.addEventListener("change", () => write(SWITCH, single.checked));
  document.addEventListener("keydown", (event) => {
    if (!event.isComposing && !event.defaultPrevented && act(event, single.checked)) event.preventDefault();
  });
}

// Whether the key was meant for the desk.
function act(event, singleKeys) {
  const typing = event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  const inDialog = document.querySelector("dialog[open]");
  if (event.key === "Enter" && event.repeat) return !typing; // held down: one press, one deed
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return !inDialog && send();
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "Escape" && typing && !inDialog) return leave(event.target);
  if (typing) return false;
  if (event.key === "Enter" && !inDialog) return !event.target.closest("a, button, summary") && send();
  if (!singleKeys) return false;
  if (/^[1-9]$/.test(event.key)) return choose(event.key, inDialog ?? verdict());
  const deed = !inDialog && SINGLE[event.key.length === 1 ? event.key.toLowerCase() : event.key];
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

function choose(digit, root) {
  const choice = root?.querySelector(`[data-key="${digit}"]`);
  if (!choice) return false;
  choice.focus();
  choice.click();
  return true;
}
