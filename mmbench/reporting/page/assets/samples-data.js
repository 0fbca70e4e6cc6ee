"use strict";
// The data of the samples view: documents of columns, read row by row. docs/design/report.md describes their fields.

/** What may become of a sample, in the order of the codes in the data, with the sign that stands for it. */
const OUTCOMES = [
  { name: "right", label: "right", sign: "✓" },
  { name: "partly", label: "partly right", sign: "◐" },
  { name: "wrong", label: "wrong", sign: "✗" },
  { name: "scored", label: "scored", sign: "#" },
  { name: "truncated", label: "truncated", sign: "✂" },
  { name: "unparsed", label: "unparsed", sign: "?" },
  { name: "refused", label: "refused", sign: "⊘" },
  { name: "failed", label: "failed", sign: "!" },
  { name: "unscored", label: "not scored", sign: "·" },
];
const NOT_ASKED = -1;

/** The value of a column in a row: columns of one value are that value, absent ones are null. */
const at = (column, row) => (Array.isArray(column) ? column[row] : column) ?? null;

/** Some samples of a task: one document, ``size`` rows. */
class Part {
  constructor(document) {
    this.document = document;
    this.size = document.ids.length;
    this.texts = document.texts;
    this.search = { text: "", found: null };
    // Outcomes are read for every row at every filter, so they are numbers side by side.
    this.outcomes = document.runs.map((run) => Int8Array.from({ length: this.size }, (_, row) => at(run.outcome, row)));
    this.deciding = document.runs.map((run) => Object.values(run.values)[0] ?? null);
  }

  id(row) {
    return this.document.ids[row];
  }

  /** A text by its number: ``{text}``, and of one that is cut also its true length, and its two ``ends`` with what stands between them. */
  text(number) {
    if (number === null) return null;
    const text = this.texts[number];
    const [length, gap] = this.document.cuts[number] ?? [];
    if (gap === undefined) return { text };
    const letters = [...text]; // lengths are in characters, and an emoji has two of JavaScript's units
    const between = `⋯ ${(length - letters.length).toLocaleString("en")} characters left out ⋯`;
    return { text, length, ends: [letters.slice(0, gap).join(""), letters.slice(gap).join("")], between };
  }

  plain(number) {
    return number === null ? null : this.texts[number];
  }

  question(row) {
    return this.plain(at(this.document.question, row));
  }

  references(row) {
    return (at(this.document.references, row) ?? []).map((number) => this.plain(number));
  }

  choices(row) {
    return at(this.document.choices, row)?.map((number) => this.plain(number)) ?? null;
  }

  images(row) {
    return (at(this.document.images, row) ?? []).map((number) => this.document.listed_images[number]);
  }

  /** Slice name to label. */
  slices(row) {
    const found = Object.entries(this.document.slices ?? {}).filter(([, slice]) => slice.of[row] >= 0);
    return Object.fromEntries(found.map(([name, slice]) => [name, slice.labels[slice.of[row]]]));
  }

  /** The requests of a sample: ``{kind, messages: [{role, parts: [text or image]}]}``. */
  asked(row) {
    return (at(this.document.asked, row) ?? []).map(({ kind, messages }) => ({
      kind,
      messages: messages.map(([role, ...parts]) => ({
        role,
        parts: parts.map((part) =>
          Array.isArray(part)
            ? { text: part.map((number) => this.texts[number]).join("") }
            : { image: this.document.listed_images[part.image] },
        ),
      })),
    }));
  }

  /** What a run made of a sample; null where it was not asked. */
  answer(run, row) {
    const outcome = this.outcomes[run][row];
    if (outcome === NOT_ASKED) return null;
    const columns = this.document.runs[run];
    return {
      outcome: OUTCOMES[outcome],
      values: Object.entries(columns.values).map(([metric, column]) => [metric, at(column, row)]),
      extracted: this.text(at(columns.extracted, row)),
      why: this.text(at(columns.why, row)),
      replies: (columns.answers ?? []).map((each) => this.reply(each, row)).filter((each) => each.status !== null),
      settings: columns.settings,
    };
  }

  reply(columns, row) {
    const of = (name) => at(columns[name], row);
    const plain = ["status", "finish_reason", "batch_size", "cached", "duration_ms", "first_token_ms", "choice_scores"];
    return {
      ...Object.fromEntries(plain.map((name) => [name, of(name)])),
      ...Object.fromEntries(["input_tokens", "output_tokens", "reasoning_tokens"].map((name) => [name, of(name)])),
      ...Object.fromEntries(["output", "raw", "reasoning", "error"].map((name) => [name, this.text(of(name))])),
    };
  }

  /** For each text whether it holds some words, in any case; kept for the words that were looked for last. */
  matching(text) {
    if (this.search.text !== text) {
      this.haystack ??= new Haystack(this.texts);
      this.search = { text, found: this.haystack.holding(text) };
    }
    return this.search.found;
  }

  /** The same for the ids, row by row. */
  matchingIds(text) {
    this.idHaystack ??= new Haystack(this.document.ids);
    return this.idHaystack.holding(text);
  }
}

/** Many texts as one, because the browser looks through one long text many times faster than through as many short ones. */
class Haystack {
  constructor(texts) {
    const folded = texts.map((text) => text.toLowerCase());
    this.whole = folded.join("\0");
    this.starts = new Uint32Array(texts.length + 1);
    folded.forEach((text, place) => (this.starts[place + 1] = this.starts[place] + text.length + 1));
  }

  /** For each text 1 where it holds `text`, else 0. */
  holding(text) {
    const wanted = text.toLowerCase();
    const found = new Uint8Array(this.starts.length - 1);
    for (let at = this.whole.indexOf(wanted); at >= 0 && found.length; ) {
      const place = this.placeOf(at);
      found[place] = 1;
      at = this.whole.indexOf(wanted, this.starts[place + 1]);
      if (place + 1 === found.length) break;
    }
    return found;
  }

  /** The text in which a place of the whole lies. */
  placeOf(at) {
    let low = 0;
    let high = this.starts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= at) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** A task of the page: what is known of it, and its parts once they are read. */
class Task {
  constructor({ name, about, pages }) {
    Object.assign(this, { name, about, pages });
    this.parts = [];
  }

  /** Read all parts, each once; ``progress`` is told when one is there. */
  async load(progress = () => {}) {
    this.loading ??= (async () => {
      for (const page of this.pages) {
        const part = new Part(await page());
        this.parts.push(part);
        progress();
        (globalThis.requestIdleCallback ?? setTimeout)(() => part.matching("\0")); // the first search need not wait
      }
    })();
    await this.loading;
    return this;
  }

  get complete() {
    return this.parts.length === this.pages.length;
  }

  get size() {
    return this.parts.reduce((sum, part) => sum + part.size, 0);
  }
}

const PLACE = 2 ** 20;
/** One number for a row of a part. */
const rowOf = (part, row) => part * PLACE + row;
const located = (task, number) => ({ part: task.parts[Math.floor(number / PLACE)], row: number % PLACE });

/** The tasks in the page itself. Images lie in a block of their own, which is read when the first task is. */
function embedded() {
  const tasks = mmbench.blocks("samples").map((block) => new Task({ name: block.about.title, about: block.about, pages: [block.json] }));
  const [images] = mmbench.blocks("images");
  let read;
  return { tasks, images: () => (read ??= images ? images.json() : Promise.resolve({})) };
}

mmbench.samples = { OUTCOMES, NOT_ASKED, Part, Task, at, rowOf, located, source: embedded() };
