// The page of a disagreement: the desk's form, by the same keys, for a reviewer's own answer. The form is sent as a page.

import { watchAspects } from "./aspects.js";
import { watchDrafts } from "./drafts.js";
import { watchKeys } from "./keys.js";
import { watchMarks } from "./marks.js";
import { watchRanking } from "./ranking.js";
import { watchSides } from "./sides.js";
import { showTrouble, watchTrouble } from "./trouble.js";

watchDrafts();
watchAspects();
watchSides();
watchRanking();
watchMarks();
watchKeys();
watchTrouble();
showTrouble();
