// Sends images to the program in batches, and says how far it is.

const UNREADABLE = { predicted: null, confidence: null, probabilities: null, similarities: null, preview: null, flag: "",
  error: "cannot be read by the browser: moved, changed or not permitted" };

/** The queue of images that are not classified yet. */
export class Queue {
  /**
   * @param model what the program says about the model
   * @param onResults called with the items of a batch, each with its `result`
   * @param onChange called when the state changes, with an error's text or nothing
   */
  constructor(model, onResults, onChange) {
    Object.assign(this, { model, onResults, onChange, waiting: [], done: 0, total: 0, seconds: 0, running: false });
  }

  /** Adds images, and starts if nothing runs. */
  add(items) {
    if (!this.waiting.length) this.done = this.total = this.seconds = 0; // a new round
    this.waiting.push(...items);
    this.total += items.length;
    this.start();
  }

  clear() {
    this.stop();
    this.waiting = [];
    this.done = this.total = 0;
    this.round = null; // the answer of a batch that is under way is dropped
  }

  stop() {
    this.running = false;
  }

  async start() {
    this.running = true;
    if (this.busy) return;
    this.busy = true;
    let problem;
    while (this.running && this.waiting.length && !problem) {
      this.onChange();
      problem = await this.batch();
    }
    this.busy = this.running = false;
    this.onChange(problem);
  }

  /** Classifies a batch; returns the text of an error, after which the batch waits still. */
  async batch() {
    const batch = this.waiting.slice(0, this.model.batch), started = performance.now(), round = (this.round = {});
    try {
      const results = await send(batch, this.model.max_bytes);
      batch.forEach((item, place) => (item.result = results[place]));
    } catch (error) {
      const isHere = await Promise.all(batch.map(item => isReadable(item.file)));
      if (isHere.every(here => here)) return error.message;
      batch.splice(0, batch.length, ...batch.filter((_, place) => !isHere[place])); // and the others once more
      batch.forEach(item => (item.result = UNREADABLE));
    }
    if (this.round !== round) return;
    this.waiting = this.waiting.filter(item => !item.result);
    this.done += batch.length;
    this.seconds += (performance.now() - started) / 1000;
    this.onResults(batch);
  }

  /** Seconds left, by the pace so far. */
  get left() {
    return this.done ? (this.seconds / this.done) * (this.total - this.done) : null;
  }
}

async function send(batch, maxBytes) {
  const form = new FormData();
  // Of a file that is too large one byte more than allowed is sent, and the program refuses it. Names stay here.
  for (const { file } of batch) form.append("image", file.slice(0, maxBytes + 1), "image");
  let response;
  try {
    response = await fetch("images", { method: "POST", body: form });
  } catch {
    throw new Error("The program does not answer. Is `hemabalance serve` still running? Then press Continue.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The program answered with the error ${response.status}.`);
  return answer.rows;
}

const isReadable = file => file.slice(0, 1).arrayBuffer().then(() => true, () => false);
