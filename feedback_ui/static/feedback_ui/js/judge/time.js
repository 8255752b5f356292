// Time on task: the seconds in which the item was in sight and the person did something not long before.

import { onShown } from "./regions.js";

const IDLE_AFTER = 60_000; // ms

let seconds = 0;
let lastSign = 0;

export function watchTime() {
  onShown(() => {
    seconds = 0;
    lastSign = Date.now();
  });
  for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"]) {
    document.addEventListener(kind, () => (lastSign = Date.now()), { passive: true });
  }
  setInterval(() => {
    if (document.visibilityState === "visible" && Date.now() - lastSign < IDLE_AFTER) seconds += 1;
  }, 1000);
}

export function takeTime(form) {
  form.elements.seconds.value = seconds;
}
