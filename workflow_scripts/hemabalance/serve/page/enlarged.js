// The dialog with one image and the probabilities of all classes; arrow keys and buttons go to its neighbours.

import { choices } from "./rows.js";
import { level, make, percent, ranked, shownClass, worded } from "./words.js";

const part = id => document.getElementById(id);

/** Opens the dialog on one of the items that are shown in the table. */
export function enlarge(item, items, classes) {
  const dialog = part("enlarged"), readable = items.filter(({ result }) => !result.error);
  const select = part("enlarged-correct");
  let place = readable.indexOf(item);
  const show = step => {
    place = (place + step + readable.length) % readable.length;
    const { path, result } = readable[place];
    part("enlarged-title").textContent = `${path}: ${shownClass(result)}`;
    part("enlarged-image").src = result.preview;
    const lines = ranked(result, classes).map(([name, share]) =>
      make("tr", {}, make("td", {}, worded(name)), make("td", { class: "number" }, percent(share)), make("td", {}, level(share))));
    part("enlarged-classes").tBodies[0].replaceChildren(...lines);
    select.value = readable[place].corrected ?? "";
  };
  select.replaceChildren(...choices(classes));
  select.onchange = () => readable[place].correct(select.value);
  part("previous").onclick = () => show(-1);
  part("next").onclick = () => show(1);
  part("close").onclick = () => dialog.close();
  dialog.onkeydown = event => {
    if (event.target === select) return; // there, arrows choose a class
    if (event.key === "ArrowLeft") show(-1);
    if (event.key === "ArrowRight") show(1);
  };
  show(0);
  dialog.showModal(); // closed, it gives the focus back to where it was
}
