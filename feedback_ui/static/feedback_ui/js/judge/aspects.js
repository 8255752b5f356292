// A rubric of several aspects: one is open, with its levels in words, and digits are for it; the next opens by itself.

import { onShown, verdict } from "./regions.js";

const aspects = () => [...(verdict()?.querySelectorAll("[data-aspect]") ?? [])];
const chosen = (aspect) => aspect.querySelector(":checked");

export function watchAspects() {
  onShown(() => openNext());
  document.addEventListener("draft:changed", () => !document.querySelector("[data-aspect][data-current]") && openNext());
  document.addEventListener("change", (event) => {
    const aspect = event.target.closest("[data-aspect]");
    if (aspect && verdict()?.contains(aspect)) openNext(aspect);
  });
  for (const kind of ["focusin", "click"]) {
    document.addEventListener(kind, (event) => {
      const aspect = event.target.closest?.("[data-aspect]");
      if (aspect && verdict()?.contains(aspect) && !(kind === "click" && chosen(aspect))) open(aspect);
    });
  }
}

// After one was judged, the first that was not, further down if there is one; the last judged stays open at the end.
function openNext(judged = null) {
  const waiting = aspects().filter((aspect) => !chosen(aspect));
  const below = waiting.find((aspect) => judged?.compareDocumentPosition(aspect) & Node.DOCUMENT_POSITION_FOLLOWING);
  const next = below ?? waiting[0] ?? (judged || aspects()[0]);
  if (next) open(next);
}

function open(current) {
  for (const aspect of aspects()) {
    aspect.toggleAttribute("data-current", aspect === current);
    aspect.classList.toggle("is-folded", aspect !== current);
  }
}
