// The table of results as CSV, with the columns of `hemabalance predict --out` and `corrected`.

const quoted = value => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
const cell = value => quoted(String(value ?? ""));

/** The text of the file: rows in the order in which they were added. */
export function csvOf(items, classes) {
  const header = ["path", "predicted", "confidence", "flag", "error", "corrected", ...classes.map(name => `p_${name}`)];
  const lines = items.map(({ path, result, corrected }) => [
    path, result.predicted, result.confidence, result.flag, result.error, corrected,
    ...(result.probabilities ?? classes.map(() => null)),
  ]);
  return [header, ...lines].map(line => line.map(cell).join(",") + "\n").join("");
}

/** Lets the browser save a text as a file. */
export function download(text, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
