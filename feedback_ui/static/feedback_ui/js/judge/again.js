// Remarks that a person has written more than once lately, to be written again with one press. Kept in this browser.

import { onShown, verdict } from "./regions.js";
import { read, write } from "./storage.js";

const SHOWN = 3;
const KEPT = 60;

const field = () => verdict()?.querySelector("#improvements");
const place = () => `handgrad.again.${document.getElementById("desk").dataset.user}`;
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

export function watchAgain() {
  onShown(draw);
  document.addEventListener("draft:changed", draw);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-again] button");
    if (button) add(button.dataset.remark);
  });
}

// The newest first, each with how often it was written.
export function remember(text) {
  const before = read(place()) ?? [];
  const said = lines(text ?? "");
  const counted = said.map((remark) => ({ remark, times: 1 + (before.find((one) => one.remark === remark)?.times ?? 0) }));
  write(place(), [...counted, ...before.filter(({ remark }) => !said.includes(remark))].slice(0, KEPT));
}

function draw() {
  const list = verdict()?.querySelector("[data-again]");
  if (!list) return;
  const written = new Set(lines(field().value));
  const offered = (read(place()) ?? []).filter(({ remark, times }) => times > 1 && !written.has(remark)).slice(0, SHOWN);
  list.hidden = !offered.length;
  list.querySelector("ul").replaceChildren(...offered.map(({ remark }) => row(remark)));
}

function row(remark) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small again__remark";
  button.dataset.remark = button.title = button.textContent = remark;
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function add(remark) {
  const improvements = field();
  improvements.value = [...lines(improvements.value), remark].join("\n");
  improvements.dispatchEvent(new Event("input", { bubbles: true }));
}
