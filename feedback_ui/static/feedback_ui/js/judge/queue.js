// The queue outside: an empty desk fills by itself, the line of counts stays true.
// The socket only says that something has changed; without it the desk looks by itself.

import { ask } from "./ask.js";
import { countedLately, untilCountedAgain } from "./counts.js";
import { announce, desk, isEmpty, onShown, show } from "./regions.js";

const LOOK_EVERY = 20_000; // ms
const PAUSES = [1_000, 2_000, 5_000, 10_000, 20_000];
const REFUSED = new Set([4401, 4403]);

let connected = false;
let wasConnected = false;
let failures = 0;
let looking = false;
let lookAgain = false;
let counting;
const title = document.title;

export function watchQueue() {
  connect();
  onShown(showConnection);
  setInterval(() => look(), LOOK_EVERY);
  document.addEventListener("visibilitychange", () => {
    document.title = title;
    look();
  });
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/queue/`);
  socket.addEventListener("message", () => {
    if (!connected) failures = 0;
    connected = wasConnected = true;
    showConnection();
    changed();
  });
  socket.addEventListener("close", (event) => {
    connected = false;
    showConnection();
    if (!REFUSED.has(event.code)) setTimeout(connect, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
  });
}

function changed() {
  if (!isEmpty()) countSoon();
  else if (document.visibilityState === "visible") look();
  else document.title = `• ${title}`; // not claimed for somebody who does not look
}

// Asks for an item while there is none, and shows it without taking the focus from anywhere else.
async function look() {
  if (!isEmpty() || document.visibilityState !== "visible") return;
  lookAgain = looking;
  if (looking) return;
  looking = true;
  const { outcome, text } = await ask(desk().dataset.next);
  looking = false;
  if (outcome === "signed-out") location.reload(); // nothing is typed here; the sign-in page leads back
  if (outcome === "done" && isEmpty()) {
    const hadFocus = document.activeElement === desk();
    show(text);
    if (hadFocus) desk().focus({ preventScroll: true });
    if (!isEmpty()) announce("A new item is here.");
  }
  if (lookAgain) look();
}

function countSoon() {
  counting ??= setTimeout(async () => {
    counting = undefined;
    if (countedLately()) return countSoon(); // with an answer, meanwhile
    const { outcome, text } = await ask(desk().dataset.counts);
    if (outcome === "done") show(text);
  }, untilCountedAgain());
}

// What is lost is said at the top too; a page that never had a socket looks at intervals and says so when empty.
function showConnection() {
  document.getElementById("away").hidden = connected || !wasConnected;
  const words = document.getElementById("connection");
  if (!words) return;
  words.textContent = connected
    ? "Connected. What arrives appears here at once."
    : "Not connected. This page looks again every 20 seconds.";
  document.getElementById("connection-dot").className = connected ? "dot dot--done" : "dot dot--waits";
}
