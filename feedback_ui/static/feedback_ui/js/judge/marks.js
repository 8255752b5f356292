// Comments on words: words of a text are selected, a comment is written beside them, and both go with the answer.
// They are kept as JSON in one hidden field, so that drafts, sending and coming back need to know nothing of them.

import { announce, onShown, verdict } from "./regions.js";

const SHOWN_WORDS = 60;
const field = () => verdict()?.elements.marks;
const part = (id) => document.getElementById(id);

let chosen = null; // { quote, start, output, rect }

export function watchMarks() {
  onShown(() => {
    close();
    draw();
    const how = verdict()?.querySelector(".marks__how");
    if (how) how.hidden = false;
  });
  document.addEventListener("draft:changed", draw);
  document.addEventListener("selectionchange", () => part("mark-form").hidden && offer());
  document.addEventListener("keydown", (event) => {
    if (act(event)) event.preventDefault();
  });
  part("mark-words").addEventListener("mousedown", (event) => event.preventDefault()); // the selection stays
  part("mark-words").addEventListener("click", write);
  part("mark-cancel").addEventListener("click", close);
  part("mark-form").addEventListener("submit", (event) => {
    event.preventDefault();
    add();
  });
  document.addEventListener("click", (event) => {
    const gone = event.target.closest("[data-unmark]");
    if (gone) keep(marks().filter((_, at) => at !== Number(gone.dataset.unmark)));
  });
}

function marks() {
  try {
    return JSON.parse(field()?.value || "[]");
  } catch {
    return [];
  }
}

function keep(list) {
  field().value = list.length ? JSON.stringify(list) : "";
  field().dispatchEvent(new Event("input", { bubbles: true }));
  draw();
}

function act(event) {
  if (event.defaultPrevented || event.isComposing) return false;
  if (!part("mark-form").hidden) {
    if (event.key === "Escape") close();
    else if (event.key === "Enter" && event.target === part("mark-comment") && !event.shiftKey && !event.repeat) add();
    else return false;
    return true;
  }
  if (!chosen) offer();
  if (!chosen || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea, input[type=text], select")) return false;
  if (event.key.toLowerCase() !== "c" || !part("single-keys").checked || document.querySelector("dialog[open]")) return false;
  write();
  return true;
}

// The button stands where the selection ends, as long as there is one within a single text.
function offer() {
  const selection = document.getSelection();
  chosen = null;
  if (field() && selection?.rangeCount && !selection.isCollapsed) {
    const range = selection.getRangeAt(0);
    const text = (range.commonAncestorContainer.closest ? range.commonAncestorContainer : range.commonAncestorContainer.parentElement)?.closest("[data-judged]");
    const quote = selection.toString().trim();
    if (text && quote && quote.length <= 2000) {
      const before = document.createRange();
      before.setStart(text, 0);
      before.setEnd(range.startContainer, range.startOffset);
      const lead = range.toString().length - range.toString().trimStart().length;
      chosen = { quote, start: before.toString().length + lead, output: Number(text.dataset.judged), rect: range.getBoundingClientRect() };
    }
  }
  part("marking").hidden = !chosen;
  if (chosen) stand();
}

function stand() {
  const box = part("marking");
  const left = Math.min(chosen.rect.left, innerWidth - box.offsetWidth - 12);
  box.style.left = `${Math.max(12, left) + scrollX}px`;
  box.style.top = `${chosen.rect.bottom + scrollY + 6}px`;
}

function write() {
  part("mark-words").hidden = true;
  part("mark-form").hidden = false;
  const words = chosen.quote.replace(/\s+/g, " ");
  part("mark-quote").textContent = words.length > SHOWN_WORDS ? `${words.slice(0, SHOWN_WORDS)}…` : words;
  part("mark-comment").value = "";
  stand();
  part("mark-comment").focus();
}

function add() {
  const comment = part("mark-comment").value.trim();
  if (!comment || !chosen) return;
  const { quote, start, output } = chosen;
  keep([...marks(), { quote, comment, output, start }]);
  close();
  part("desk").focus({ preventScroll: true });
  announce("The comment is added.");
}

function close() {
  chosen = null;
  part("marking").hidden = true;
  part("mark-form").hidden = true;
  part("mark-words").hidden = false;
  document.getSelection()?.removeAllRanges();
}

function draw() {
  const place = part("marks");
  if (!place) return;
  const list = marks();
  place.hidden = !list.length;
  place.querySelector("ul").replaceChildren(...list.map(row));
  if (!CSS.highlights) return;
  const ranges = list.map(found).filter(Boolean);
  CSS.highlights.set("marked", new Highlight(...ranges));
}

function row({ quote, comment }, at) {
  const made = document.createElement("li");
  const words = document.createElement("q");
  const said = document.createElement("span");
  const gone = document.createElement("button");
  words.dir = said.dir = "auto";
  words.textContent = quote;
  said.textContent = comment;
  gone.type = "button";
  gone.dataset.unmark = at;
  gone.className = "marks__gone";
  gone.textContent = "×";
  gone.setAttribute("aria-label", `Take back the comment “${comment}”`);
  made.append(words, said, gone);
  return made;
}

// The words of a mark in the text, as a range; where it is not known where they begin, the first that are the same.
function found({ quote, start, output }) {
  const text = document.querySelector(`[data-judged="${Number(output)}"]`);
  if (!text) return null;
  const range = document.createRange();
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  const whole = text.textContent;
  const begin = Number.isInteger(start) ? start : whole.indexOf(quote);
  if (begin < 0) return null;
  const length = whole.startsWith(quote, begin) ? quote.length : quote.replace(/\s+/g, "").length;
  let at = 0;
  let begun = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const end = at + node.length;
    if (!begun && begin < end) {
      range.setStart(node, begin - at);
      begun = true;
    }
    if (begun && begin + length <= end) {
      range.setEnd(node, begin + length - at);
      return range;
    }
    at = end;
  }
  return begun ? range : null;
}
