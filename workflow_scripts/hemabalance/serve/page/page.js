// The page: what a person does, and what then changes.

import { showModel } from "./about.js";
import { csvOf, download } from "./csv.js";
import { enlarge } from "./enlarged.js";
import { chosen, dropped } from "./files.js";
import { rowOf, showCounts } from "./rows.js";
import { Queue } from "./upload.js";
import { counted, flagsOf } from "./words.js";

const part = id => document.getElementById(id);
const UNSURE = 0.9;
const SHOWN = {
  all: () => true,
  flagged: ({ result }) => result.flag !== "",
  unsure: ({ result }) => result.confidence !== null && result.confidence < UNSURE,
  corrected: ({ corrected }) => Boolean(corrected),
  unreadable: ({ result }) => result.error !== "",
};
const text = (a, b) => (a === b ? 0 : a < b ? -1 : 1);
const ORDERS = {
  added: () => 0,
  confidence: (a, b) => (a.result.confidence ?? 2) - (b.result.confidence ?? 2),
  class: (a, b) => text(a.result.predicted ?? "~", b.result.predicted ?? "~"),
  path: (a, b) => text(a.path, b.path),
};

const items = []; // classified images in the order in which they were added
let model, queue, leftOut = 0, unsaved = false;

function added({ images, leftOut: others }) {
  leftOut += others;
  if (items.length + queue.waiting.length + images.length > model.max_files) {
    problem(`At most ${counted(model.max_files, "image")} are taken. Remove all, and add fewer.`);
  } else if (images.length) {
    queue.add(images);
  } else {
    problem(others ? `There is no image among ${counted(others, "file")} (${model.formats}).` : "There is no file in it.");
  }
}

function problem(message) {
  part("problem").hidden = !message;
  part("problem").textContent = message ?? "";
}

function results(batch) {
  for (const item of batch) {
    item.file = null; // the preview is kept, the file is not
    item.row = rowOf(item, model.classes, enlargeShown, corrected);
    item.row.hidden = !isShown(item);
    part("rows").append(item.row);
  }
  items.push(...batch);
  part("results").hidden = false;
  summed();
}

function progress(message) {
  const { done, total, left, running, waiting } = queue;
  problem(message);
  part("bar").hidden = !waiting.length;
  part("bar").max = Math.max(total, 1);
  part("bar").value = done;
  part("stop").hidden = !waiting.length;
  part("stop").textContent = running ? "Stop" : "Continue";
  const time = left === null ? "" : `, about ${counted(Math.max(1, Math.round(left)), "second")} left`;
  if (waiting.length) {
    part("status").textContent = `${done.toLocaleString("en")} of ${counted(total, "image")}${running ? time : ", stopped"}`;
  } else {
    part("status").textContent = total ? ended(done) : "";
    arranged();
  }
}

function ended(done) {
  const flagged = items.filter(({ result }) => flagsOf(result).length).length;
  const unreadable = items.filter(({ result }) => result.error).length;
  const more = [flagged && `${flagged} flagged`, unreadable && `${unreadable} cannot be read`, leftOut && `${counted(leftOut, "other file")} left out`];
  const all = done === items.length ? "" : `; ${counted(items.length, "image")} in all`;
  return [`${counted(done, "image")} done in ${counted(Math.max(1, Math.round(queue.seconds)), "second")}${all}`, ...more.filter(one => one)].join(", ") + ".";
}

const enlargeShown = item => enlarge(item, arrangement().filter(isShown), model.classes);
const isShown = item => SHOWN[part("show").value](item);
const arrangement = () => [...items].sort(ORDERS[part("order").value]);

function arranged() {
  const focused = document.activeElement;
  for (const item of items) item.row.hidden = !isShown(item);
  part("rows").append(...arrangement().map(({ row }) => row));
  if (focused !== document.activeElement) focused.focus({ preventScroll: true }); // a moved element has lost it
  summed();
}

function summed() {
  showCounts(items, model.classes, part("counts"), part("left-out"));
  const shown = items.filter(({ row }) => !row.hidden).length;
  part("shown").textContent = shown === items.length ? "" : `${shown.toLocaleString("en")} of ${counted(items.length, "image")} shown`;
}

function corrected() {
  unsaved = true;
  summed();
}

function removed() {
  if (unsaved && !confirm("Labels that you corrected are not downloaded yet. Remove them?")) return;
  queue.clear();
  items.length = leftOut = 0;
  unsaved = false;
  part("rows").replaceChildren();
  part("results").hidden = true;
  progress();
  part("files").focus();
}

function listen() {
  for (const id of ["files", "folder"]) {
    part(id).disabled = false;
    part(id).addEventListener("change", event => {
      added(chosen(event.target, model.suffixes));
      event.target.value = ""; // the same files may be chosen again
    });
  }
  let inside = 0; // the parts of the page that the mouse has entered and not left
  const over = step => part("drop").classList.toggle("over", (inside = Math.max(0, inside + step)) > 0);
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", event => event.preventDefault());
  addEventListener("drop", event => {
    event.preventDefault();
    over(-inside);
    dropped(event.dataTransfer, model.suffixes).then(added, error => problem(`The folder cannot be read: ${error.message}`));
  });
  for (const id of ["show", "order"]) part(id).addEventListener("change", arranged);
  part("stop").addEventListener("click", () => {
    if (queue.running) queue.stop();
    else queue.start();
    progress();
  });
  part("download").addEventListener("click", () => {
    download(csvOf(items, model.classes), "predictions.csv");
    unsaved = false;
  });
  part("remove").addEventListener("click", removed);
  addEventListener("beforeunload", event => {
    if (unsaved) event.preventDefault();
  });
}

try {
  model = await (await fetch("model")).json();
  queue = new Queue(model, results, progress);
  showModel(model);
  listen();
} catch (error) {
  problem(`The model cannot be opened: ${error.message}`);
}
