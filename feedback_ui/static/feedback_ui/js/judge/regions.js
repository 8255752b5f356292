// The parts of the page that the server draws anew with each item, and what the page says around them.

import { showTimes } from "../times.js";

const REGIONS = ["counts", "desk", "bar"];

export const desk = () => document.getElementById("desk");
export const verdict = () => document.getElementById("verdict");
export const isEmpty = () => desk().hasAttribute("data-empty");

// Calls `listener` for the item in hand now, and for every later one.
export function onShown(listener) {
  document.addEventListener("desk:shown", listener);
  listener();
}

export function show(html) {
  const before = desk();
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const id of REGIONS) {
    const region = [...fresh.querySelectorAll(`#${id}`)].at(-1); // of two the later one is newer
    if (!region) continue;
    document.getElementById(id).replaceWith(document.adoptNode(region));
    if (id === "counts") document.dispatchEvent(new CustomEvent("counts:shown"));
  }
  showTimes(desk());
  if (desk() !== before) document.dispatchEvent(new CustomEvent("desk:shown"));
}

export function announce(words) {
  const place = document.getElementById("announcement");
  place.textContent = "";
  requestAnimationFrame(() => (place.textContent = words)); // the same words twice are news twice
}

// Shows one of the notices above the buttons; the text typed in the form stays.
export function notice(name, message = "") {
  const place = document.getElementById("notice");
  if (!place || place.dataset.name === name) return;
  const content = document.getElementById(`notice-${name}`).content.cloneNode(true);
  const words = content.querySelector("[data-message]");
  if (words) words.textContent = message;
  place.replaceChildren(content);
  place.dataset.name = name;
}

export function clearNotice() {
  const place = document.getElementById("notice");
  place?.replaceChildren();
  delete place?.dataset.name;
}
