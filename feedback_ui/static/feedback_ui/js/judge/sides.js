// A click anywhere on one of two sides chooses it, unless it was for something in the text or selected words.

import { verdict } from "./regions.js";

export function watchSides() {
  document.addEventListener("click", (event) => {
    const side = event.target.closest("[data-side]");
    if (!side || !verdict()?.contains(side) || event.target.closest("a, label, input, .wide")) return;
    if (document.getSelection()?.toString()) return;
    const radio = side.querySelector("input[type=radio]");
    radio.click();
    radio.focus({ preventScroll: true });
  });
}
