// A row of the table of results.

import { counted, flagsOf, flagWords, isDoubtful, level, make, percent, ranked, shownClass, worded } from "./words.js";

const td = (kind, ...content) => make("td", { role: "cell", class: kind }, ...content);

function fileOf(path) {
  const end = path.lastIndexOf("/") + 1;
  return td("file", make("span", { class: "quiet" }, path.slice(0, end)), path.slice(end));
}

/**
 * The row of an image.
 *
 * @param item {path, result}; gets `corrected` and the function `correct`, which sets it
 * @param classes all classes of the model
 * @param onEnlarge called with the item
 * @param onCorrect called with the item, after its `corrected` has changed
 */
export function rowOf(item, classes, onEnlarge, onCorrect) {
  const { path, result } = item;
  const row = make("tr", { role: "row" });
  if (result.error) {
    row.append(td("image", make("span", { class: "nothing", "aria-hidden": "true" }, "?")), fileOf(path));
    row.append(td("class", make("strong", { class: "error" }, "cannot be read"), make("p", { class: "error" }, result.error)));
    row.append(td("confidence"), td("similarity"), td("correct"));
    return row;
  }
  const zoom = make("button", { type: "button", class: "zoom", "aria-label": `Enlarge ${path}` }, make("img", { src: result.preview, alt: "" }));
  zoom.addEventListener("click", () => onEnlarge(item));
  const [, second] = ranked(result, classes);
  const named = td("class", make("strong", {}, shownClass(result)));
  if (second) named.append(make("p", { class: "second" }, `then ${worded(second[0])} ${percent(second[1])}`));
  named.append(...flagsOf(result).map(flag => make("span", { class: "flag" }, flagWords(flag))));
  row.classList.toggle("doubtful", isDoubtful(result));
  const confidence = td("confidence number", make("span", { class: "name" }, "Confidence "), percent(result.confidence), level(result.confidence));
  row.append(td("image", zoom), fileOf(path), named, confidence, similarity(result), correction(item, row, classes, onCorrect));
  return row;
}

function similarity({ similarities }) {
  const name = make("span", { class: "name" }, "Similarity to training images ");
  if (!similarities) return td("similarity quiet", name, "not available");
  return td("similarity number", name, similarities.map(value => value.toFixed(2)).join(" and "));
}

function correction(item, row, classes, onCorrect) {
  const select = make("select", { "aria-label": `Corrected class of ${item.path}` }, ...choices(classes));
  item.correct = value => {
    item.corrected = select.value = value;
    row.classList.toggle("corrected", Boolean(value));
    onCorrect(item);
  };
  select.addEventListener("change", () => item.correct(select.value));
  return td("correct", select);
}

/** The options of a select for a corrected class. */
export const choices = classes =>
  [["", "not corrected"], ...classes.map(name => [name, worded(name)])].map(([value, text]) => make("option", { value }, text));

/** Shows how many images each class has; one in doubt counts only if it was corrected. */
export function showCounts(items, classes, list, leftOut) {
  const counts = new Map(classes.map(name => [name, 0]));
  let doubtful = 0, unreadable = 0;
  for (const { result, corrected } of items) {
    if (result.error) unreadable += 1;
    else if (corrected || !isDoubtful(result)) counts.set(corrected || result.predicted, counts.get(corrected || result.predicted) + 1);
    else doubtful += 1;
  }
  const shown = [...counts].filter(([, n]) => n).sort((a, b) => b[1] - a[1]);
  list.replaceChildren(...shown.map(([name, n]) => make("li", {}, worded(name), make("b", {}, n.toLocaleString("en")))));
  const parts = [doubtful && `${counted(doubtful, "image")} unlike the training images`, unreadable && `${counted(unreadable, "file")} that cannot be read`];
  const text = parts.filter(part => part).join(" and ");
  leftOut.textContent = text && `Not counted: ${text}.`;
}
