// What the page says about the model.

import { counted, make, worded } from "./words.js";

const METRICS = { accuracy: "Accuracy", balanced_accuracy: "Balanced accuracy", expected_calibration_error: "Calibration error" };

function measured({ value, low, high, n }) {
  if (value === null) return "cannot be estimated";
  const interval = low === null ? "" : ` (95 % interval ${low.toFixed(3)} to ${high.toFixed(3)})`;
  return `${value.toFixed(3)}${interval} on ${counted(n, "test image")}`;
}

function source({ title, doi, licence, citation, images }) {
  return [title || "images of a laboratory", counted(images, "training image"), licence, citation || doi].filter(text => text).join("; ");
}

/** Fills the header, the hint on formats and the facts. */
export function showModel(model) {
  document.getElementById("model").textContent = `Model ${model.name} · ${counted(model.classes.length, "class", "classes")}`;
  const megabytes = Math.floor(model.max_bytes / 2 ** 20);
  document.getElementById("formats").textContent = `${model.formats}; one cell in each image; files of up to ${megabytes} MB.`;
  document.getElementById("files").accept = model.suffixes.join(",");
  const facts = [
    ["Classes", model.classes.map(worded).join(", ")],
    ["Method", worded(model.method)],
    ...Object.entries(model.metrics).map(([name, metric]) => [METRICS[name] ?? worded(name), measured(metric)]),
    ...model.data.map(entry => ["Trained on", source(entry)]),
    ["Note", model.notes.join(" ")],
  ];
  document.getElementById("facts").append(...facts.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
}
