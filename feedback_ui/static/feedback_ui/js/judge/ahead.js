// The next item, fetched while this one is read. It is shown when the server says so, which then need not send it again;
// or when the server is away, so that work goes on.

import { ask } from "./ask.js";
import { desk, onShown, verdict } from "./regions.js";

const AFTER = 800; // ms

let fetched = null; // { name, html }
let waiting;

export function watchAhead() {
  onShown(() => {
    clearTimeout(waiting);
    fetched = null;
    if (verdict()?.dataset.keep) waiting = setTimeout(fetchAhead, AFTER);
  });
}

async function fetchAhead() {
  const form = verdict();
  const { outcome, text, ahead } = await ask(desk().dataset.ahead);
  if (outcome !== "done" || !ahead || form !== verdict()) return;
  fetched = { name: ahead, html: text };
  desk().dataset.here = ahead;
}

export const aheadName = () => fetched?.name ?? "";

export const takeAhead = () => fetched?.html ?? "";
