// The rubric editor: levels are added at the end, with the next score, and left out by emptying them. The form is drawn
// anew while it is filled in, so that everything here looks its elements up when it needs them.

const rows = () => document.querySelector("[data-rubric]");
const total = () => document.querySelector("[name='level-TOTAL_FORMS']");

function scores() {
  return [...rows().querySelectorAll("li:not([hidden]) input[type='number']")].map((input) => Number(input.value));
}

function add() {
  const index = Number(total().value);
  const template = document.querySelector("template[data-level]");
  const made = document.createElement("ol");
  made.innerHTML = template.innerHTML.replaceAll("__prefix__", index);
  const row = made.firstElementChild;
  row.querySelector("input[type='number']").value = Math.max(0, ...scores()) + 1;
  row.querySelector("[data-remove-level]").hidden = false;
  rows().append(row);
  total().value = index + 1;
  row.querySelector("input[type='text']").focus();
}

function remove(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  for (const input of row.querySelectorAll("input")) input.value = "";
  row.hidden = true;
  next?.querySelector("input")?.focus();
  rows().dispatchEvent(new Event("change", { bubbles: true }));
}

function showButtons() {
  for (const button of document.querySelectorAll("[data-add-level], [data-remove-level]")) button.hidden = false;
}

showButtons();
document.addEventListener("htmx:afterSwap", showButtons);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-add-level]")) add();
  const button = event.target.closest("[data-remove-level]");
  if (button) remove(button.closest("li"));
});
