// The line of counts: as the server counted it, and each answer since then. So it need not count again with every answer.

const COUNTED_FOR = 10_000; // ms

let countedAt = performance.now();

export function watchCounts() {
  document.addEventListener("counts:shown", () => (countedAt = performance.now()));
}

export const line = () => document.getElementById("counts");

export const countedLately = () => untilCountedAgain() > 0;

export const untilCountedAgain = () => Math.max(0, countedAt + COUNTED_FOR - performance.now()); // ms

export function countAnswer() {
  add("today", 1);
  add("waiting", -1);
}

function add(name, more) {
  const place = line().querySelector(`[data-count="${name}"]`);
  if (place) place.textContent = Math.max(0, Number(place.textContent) + more);
}
