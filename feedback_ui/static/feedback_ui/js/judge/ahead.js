// The next items, fetched one after another while this one is read. One is shown when the server says so, which then need
// not send it again; or when the server is away, so that work goes on.

import { ask } from "./ask.js";
import { desk, onShown, verdict } from "./regions.js";

const AFTER = 800; // ms

let fetched = []; // { name, html }, in the order in which they come
let waiting;

export function watchAhead() {
  onShown(() => {
    clearTimeout(waiting);
    desk().dataset.here = fetched.length;
    if (verdict()?.dataset.keep) waiting = setTimeout(fetchAhead, AFTER);
    else fetched = [];
  });
}

async function fetchAhead() {
  const form = verdict();
  const have = aheadNames();
  const { outcome, text, ahead } = await ask(desk().dataset.ahead, undefined, { "Desk-Ahead": have });
  if (outcome !== "done" || !ahead || form !== verdict() || have !== aheadNames()) return;
  fetched.push({ name: ahead, html: text });
  desk().dataset.here = fetched.length;
  fetchAhead();
}

export const aheadNames = () => fetched.map(({ name }) => name).join(" ");

// The item of this name, or the one that comes next. Those before it are gone to others.
export function takeAhead(name = fetched[0]?.name) {
  const at = fetched.findIndex((item) => item.name === name);
  const [taken] = fetched.splice(0, at + 1).slice(-1);
  return taken?.html ?? "";
}

// What is shown now was not fetched ahead: what was, may come in another order.
export const forgetAhead = () => (fetched = []);
