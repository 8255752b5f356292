// What every page has: times in the reader's zone, questions in a dialog, files that can be dropped.

import { watchDialogs } from "./dialog.js";
import { watchDrops } from "./drop.js";
import { showTimes } from "./times.js";

watchDialogs();
watchDrops();
showTimes(document);
document.addEventListener("htmx:load", (event) => showTimes(event.target));
