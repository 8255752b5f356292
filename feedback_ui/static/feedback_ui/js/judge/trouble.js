// What the server would not take of an answer: led to, and said no longer once something is done about it.

import { desk } from "./regions.js";

export function showTrouble() {
  (desk().querySelector("[data-trouble]") ?? desk().querySelector("[aria-invalid]") ?? document.getElementById("next"))?.focus();
}

export function watchTrouble() {
  document.addEventListener("input", ({ target }) => {
    const place = target.closest("fieldset, .field");
    place?.querySelector(".errorlist")?.remove();
    for (const field of place?.querySelectorAll("[aria-invalid]") ?? []) field.removeAttribute("aria-invalid");
  });
}
