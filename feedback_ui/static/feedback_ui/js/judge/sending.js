// Sends the desk's forms. The answer to each is the next item; whatever goes wrong, what was typed stays.
// A second click while one is under way does nothing; sending again repeats the same client key, so it counts once.

import { remember } from "./again.js";
import { aheadNames, forgetAhead, takeAhead } from "./ahead.js";
import { ask } from "./ask.js";
import { countAnswer, countedLately, line } from "./counts.js";
import { forget } from "./drafts.js";
import { drop, keepForLater } from "./outbox.js";
import { announce, clearNotice, desk, isEmpty, notice, show, verdict } from "./regions.js";
import { takeTime } from "./time.js";
import { showTrouble } from "./trouble.js";

const skipping = () => document.getElementById("skip-dialog");
let underWay = false;

export function watchSending() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-desk-post]")) return;
    event.preventDefault();
    if (event.submitter?.id === "read") return preview(event.target, event.submitter.formAction);
    send(event.target, event.submitter?.getAttribute("formaction") ?? event.target.action);
  });
  onClick("[data-next-item]", (link) => goOn(() => ask(link.href), ""));
  onClick("[data-put-off]", () => document.getElementById("later").click());
  onClick("#skip", askWhySkipped);
  onClick("#keep", () => skipping().close());
}

function onClick(place, deed) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest(place);
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    deed(link);
  });
}

function askWhySkipped(link) {
  const form = skipping().querySelector("form");
  form.reset();
  form.action = link.href;
  skipping().showModal();
}

// How it would be read: in the dialog; nothing is sent for good.
async function preview(form, address) {
  const { outcome, text } = await ask(address, new FormData(form));
  if (outcome !== "done") return notice(outcome);
  const dialog = document.getElementById("dialog");
  dialog.innerHTML = text;
  dialog.showModal();
}

function send(form, address) {
  if (form === verdict()) takeTime(form);
  const request = verdict()?.dataset.request;
  const isAnswer = form === verdict() && address === form.action;
  const isEdit = form.hasAttribute("data-edit");
  const whenAway = isAnswer && !isEdit ? () => keepForLater(form) : undefined;
  const whenDone = () => {
    if (!isAnswer) return;
    forget(request);
    drop(request);
    if (!isEdit) remember(body.get("improvements"));
  };
  const body = new FormData(form);
  const headers = { "Desk-Ahead": aheadNames(), ...(isAnswer && countedLately() && { "Desk-Counted": "lately" }) };
  const how = { whenAway, isAnswer, instead: form.dataset.said };
  return goOn(() => ask(address, body, headers), isAnswer ? "Sent." : "", whenDone, how);
}

async function goOn(question, said, afterwards = () => {}, { instead = "", whenAway, isAnswer } = {}) {
  if (underWay) return;
  underWay = true;
  document.getElementById("send")?.setAttribute("aria-disabled", "true");
  const { outcome, text, elsewhere, ahead } = await question();
  underWay = false;
  skipping().close();
  document.getElementById("send")?.removeAttribute("aria-disabled");
  if (outcome === "done") {
    afterwards();
    clearNotice();
    if (elsewhere) return location.assign(elsewhere);
    if (!ahead) forgetAhead();
    const counted = line();
    showNext(ahead ? takeAhead(ahead) + text : text);
    if (isAnswer && line() === counted) countAnswer();
    announce(instead || `${said} ${isEmpty() ? "Nothing else waits." : "Next item."}`);
  } else if (outcome === "refused" || outcome === "lost") {
    show(text);
    showTrouble();
  } else {
    const keeps = whenAway && (outcome === "unreachable" || outcome === "failed");
    const next = keeps && takeAhead();
    if (keeps) whenAway();
    if (next) {
      showNext(next);
      announce("Not connected. Your answer is kept in this browser. Next item.");
    } else notice(outcome);
  }
}

function showNext(html) {
  show(html);
  window.scrollTo(0, 0);
  desk().focus({ preventScroll: true });
}
