// What is typed is kept at once in the browser and, a moment later, on the server (hold.js sends it).
// A draft that the server has not confirmed is newer than the server's own, and is put back when the page is opened.

import { onShown, verdict } from "./regions.js";
import { keys, read, remove, write } from "./storage.js";

const PREFIX = "handgrad.draft.";
const KEPT_DAYS = 14;
const NOT_DRAFT = new Set(["csrfmiddlewaretoken", "fence", "client_key", "seconds", "back"]);

const place = (request) => `${PREFIX}${document.getElementById("desk").dataset.user}.${request}`;

export function watchDrafts() {
  sweep();
  onShown(() => verdict() && restore(verdict()));
  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form && form === verdict()) {
      store(form, false);
      form.dispatchEvent(new CustomEvent("draft:changed", { bubbles: true }));
    }
  });
}

export function values(form) {
  return Object.fromEntries([...new FormData(form)].filter(([name]) => !NOT_DRAFT.has(name)));
}

// The server has this draft now, unless it was changed in the meantime.
export function confirm(form, sent) {
  if (JSON.stringify(values(form)) === JSON.stringify(sent)) store(form, true);
}

export function forget(request) {
  remove(place(request));
}

function store(form, confirmed) {
  write(place(form.dataset.request), { values: values(form), confirmed, at: Date.now() });
}

function restore(form) {
  const draft = read(place(form.dataset.request));
  if (!draft || draft.confirmed) return;
  for (const field of form.elements) {
    if (!field.name || NOT_DRAFT.has(field.name)) continue;
    const kept = draft.values[field.name];
    if (field.type === "radio" || field.type === "checkbox") field.checked = kept === field.value;
    else if (kept !== undefined) field.value = kept;
  }
  form.dispatchEvent(new CustomEvent("draft:changed", { bubbles: true }));
}

function sweep() {
  const oldest = Date.now() - KEPT_DAYS * 24 * 3600 * 1000;
  for (const key of keys(PREFIX)) {
    if (!(read(key)?.at > oldest)) remove(key);
  }
}
