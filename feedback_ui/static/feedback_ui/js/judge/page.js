// The desk of an annotator: read, judge, Enter, next.

import { watchAgain } from "./again.js";
import { watchAhead } from "./ahead.js";
import { watchAspects } from "./aspects.js";
import { watchCounts } from "./counts.js";
import { watchDrafts } from "./drafts.js";
import { watchHold } from "./hold.js";
import { watchKeys } from "./keys.js";
import { watchMarks } from "./marks.js";
import { watchOutbox } from "./outbox.js";
import { watchQueue } from "./queue.js";
import { watchRanking } from "./ranking.js";
import { watchSending } from "./sending.js";
import { watchSides } from "./sides.js";
import { watchTime } from "./time.js";
import { watchTrouble } from "./trouble.js";

watchCounts();
watchSending();
watchAhead();
watchAgain();
watchHold();
watchDrafts();
watchTime();
watchTrouble();
watchAspects();
watchSides();
watchRanking();
watchMarks();
watchKeys();
watchQueue();
watchOutbox();
