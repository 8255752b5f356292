// Places for outputs: pressed in order, moved with Alt and the arrows, dragged, or chosen from a list.
// The lists are the form's fields and hold the truth; everything else is drawn from them.

import Sortable from "../../../sortablejs/sortable.core.esm.js";
import { announce, onShown, verdict } from "./regions.js";

const ranking = () => verdict()?.querySelector("[data-ranking]");
const board = () => ranking().querySelector(".board");
const rows = () => [...board().querySelectorAll(".board__row")];
const row = (output) => board().querySelector(`.board__row[data-output="${output}"]`);
const place = (output) => row(output).querySelector("select");
const tiesAllowed = () => ranking().hasAttribute("data-ties");

let active = null; // the output that was last placed or moved
let moving = false;

export function watchRanking() {
  onShown(begin);
  document.addEventListener("click", (event) => {
    const digit = event.target.closest(".board__digit");
    if (!digit || !ranking()?.contains(digit)) return;
    press(digit.dataset.key);
    if (event.detail) digit.blur(); // after a click Enter sends, and does not click again
  });
  document.addEventListener("focusin", (event) => {
    const focused = event.target.closest(".board__row");
    if (focused && !moving) active = focused.dataset.output;
  });
  document.addEventListener("change", (event) => {
    const chosen = event.target.closest(".board__row select");
    if (chosen) put(chosen.closest(".board__row").dataset.output, Number(chosen.value));
  });
  document.addEventListener("draft:changed", () => ranking() && draw());
  document.addEventListener("keydown", (event) => {
    if (ranking() && !event.defaultPrevented && act(event)) event.preventDefault();
  });
}

function begin() {
  active = null;
  if (!ranking()) return;
  draw();
  Sortable.create(board(), {
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
    draggable: ".board__row",
    filter: "select, button",
    preventOnFilter: false,
    delay: 120,
    delayOnTouchOnly: true,
    ghostClass: "board__row--ghost",
    onEnd: ({ item, newIndex, oldIndex }) => newIndex !== oldIndex && dropped(item.dataset.output),
  });
}

// Groups of outputs that share a place, the best first.
function groups() {
  const ranks = new Map();
  for (const each of rows()) {
    const rank = Number(place(each.dataset.output).value);
    if (rank) ranks.set(rank, [...(ranks.get(rank) ?? []), each.dataset.output]);
  }
  return [...ranks].sort(([a], [b]) => a - b).map(([, group]) => group);
}

const without = (output) => groups().map((group) => group.filter((one) => one !== output)).filter((group) => group.length);

function press(output) {
  const rest = without(output);
  if (place(output).value) write(rest, null, `Text ${output} has no place now.`);
  else write([...rest, [output]], output);
}

// From the list: shares the place where ties are allowed, else pushes the others down.
function put(output, rank) {
  const rest = without(output);
  if (!rank) return write(rest, null);
  let before = 0;
  const at = rest.findIndex((group) => (before += group.length) >= rank);
  if (at < 0) rest.push([output]);
  else if (tiesAllowed() && before - rest[at].length + 1 === rank) rest[at].push(output);
  else rest.splice(at, 0, [output]);
  write(rest, output);
}

function act(event) {
  if (document.querySelector("dialog[open]") || event.target.matches("textarea")) return false;
  if (event.altKey && event.key === "ArrowUp") return move(-1);
  if (event.altKey && event.key === "ArrowDown") return move(1);
  if (event.altKey || event.ctrlKey || event.metaKey || !singleKeys()) return false;
  if (event.key === "=") return tie();
  if (event.key === "Backspace") return takeBack();
  return false;
}

const singleKeys = () => document.getElementById("single-keys").checked;

function move(by) {
  if (!active || !place(active).value) return false;
  const before = groups();
  const at = before.findIndex((group) => group.includes(active));
  const rest = without(active);
  const left = before[at].length > 1; // it leaves a tie
  rest.splice(Math.max(0, left && by > 0 ? at + 1 : left ? at : at + by), 0, [active]);
  write(rest, active);
  return true;
}

function tie() {
  if (!tiesAllowed() || !active || !place(active).value) return false;
  const before = groups();
  const at = before.findIndex((group) => group.includes(active));
  const tied = before[at].length > 1;
  if (!tied && at === 0) return false;
  const rest = without(active);
  if (tied) rest.splice(at + 1, 0, [active]);
  else rest[at - 1].push(active);
  write(rest, active);
  return true;
}

function takeBack() {
  const last = groups().at(-1)?.at(-1);
  if (last) press(last);
  return Boolean(last);
}

// What stands above the line has a place; a tie is kept only by those that were not dragged.
function dropped(output) {
  const tied = new Map(groups().flatMap((group) => group.map((one) => [one, group])));
  const line = board().querySelector(".board__line");
  const above = rows().filter((each) => !line || line.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_PRECEDING);
  const ordered = [];
  for (const { dataset } of above) {
    const one = dataset.output;
    if (one !== output && ordered.at(-1)?.some((other) => other !== output && tied.get(other) === tied.get(one))) {
      ordered.at(-1).push(one);
    } else ordered.push([one]);
  }
  write(ordered, output);
}

function write(ordered, output, said = "") {
  const ranks = new Map();
  let rank = 1;
  for (const group of ordered) {
    for (const one of group) ranks.set(one, rank);
    rank += group.length;
  }
  for (const each of rows()) place(each.dataset.output).value = ranks.get(each.dataset.output) ?? "";
  active = output;
  place(rows()[0].dataset.output).dispatchEvent(new Event("input", { bubbles: true }));
  draw();
  if (output && place(output).value) announce(`Text ${output}: ${words(output)}${ordered.flat().length === rows().length ? ". All have a place." : ""}`);
  else if (said) announce(said);
}

const NAMES = ["", "1st", "2nd", "3rd"];
const named = (rank) => NAMES[rank] ?? `${rank}th`;

function words(output) {
  const rank = place(output).value;
  if (!rank) return "";
  const shared = rows().filter((each) => place(each.dataset.output).value === rank).length > 1;
  return `${shared ? "tied " : ""}${named(Number(rank))}`;
}

// The rows in the order of their places, the line below them, then those without a place in the order of the texts.
function draw() {
  const focused = document.activeElement;
  const placed = groups().flat();
  const others = rows().map((each) => each.dataset.output).filter((output) => !placed.includes(output));
  others.sort((a, b) => a - b);
  const ordered = [...placed, ...others];
  if (rows().some((each, at) => each.dataset.output !== ordered[at])) {
    moving = true;
    for (const output of ordered) board().append(row(output));
    if (board().contains(focused)) focused.focus();
    moving = false;
  }
  board().querySelector(".board__line")?.remove();
  if (others.length && placed.length) row(others[0]).before(line());
  for (const output of ordered) {
    row(output).classList.toggle("board__row--placed", Boolean(place(output).value));
    row(output).classList.toggle("board__row--active", output === active);
    ranking().querySelector(`[data-place-of="${output}"]`).textContent = words(output);
    ranking().querySelector(`.side[data-output="${output}"]`).classList.toggle("side--placed", Boolean(place(output).value));
  }
}

function line() {
  const made = document.createElement("li");
  made.className = "board__line soft small";
  made.textContent = "Not placed yet";
  return made;
}
