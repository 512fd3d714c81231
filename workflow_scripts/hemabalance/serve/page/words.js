// How classes, shares and flags are worded, and how elements are made.

const FLAGS = {
  out_of_distribution: "unlike the training images",
  grey: "no colour",
  not_normalised: "stain not normalised",
  stain_mismatch: "stain unlike the training",
};

export const worded = name => name.replaceAll("_", " ");
export const flagsOf = result => (result.flag ? result.flag.split(";") : []);
export const flagWords = flag => FLAGS[flag] ?? worded(flag);
export const isDoubtful = result => flagsOf(result).includes("out_of_distribution");
export const percent = share => `${(100 * share).toFixed(1)} %`;
export const counted = (n, noun, more = `${noun}s`) => `${n.toLocaleString("en")} ${n === 1 ? noun : more}`;

/** The predicted class as it is shown: in brackets where it cannot be trusted. */
export const shownClass = result => (isDoubtful(result) ? `[${worded(result.predicted)}]` : worded(result.predicted));

/** Classes with their probabilities, the most likely first. */
export const ranked = (result, classes) =>
  classes.map((name, place) => [name, result.probabilities[place]]).sort((a, b) => b[1] - a[1]);

/** An element with attributes and content; text is never read as HTML. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...content);
  return element;
}

/** A bar as wide as a share. */
export function level(share) {
  const bar = make("i");
  bar.style.width = `${100 * share}%`;
  return make("div", { class: "level", "aria-hidden": "true" }, bar);
}
