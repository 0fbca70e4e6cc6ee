"use strict";
// Which samples are listed: what the filters let through, and the lines that a copy holds.
{
  const { OUTCOMES, NOT_ASKED, at, rowOf, located } = mmbench.samples;

  /** Whether models differ in a row: in what became of the sample or in its score; in their texts where nothing is scored. */
  function differs(part, models, row) {
    const [first, ...others] = models;
    return others.some((run) => {
      if (part.outcomes[run][row] !== part.outcomes[first][row]) return true;
      const scores = [first, run].map((each) => at(part.deciding[each], row));
      if (scores[0] !== null || scores[1] !== null) return scores[0] !== scores[1];
      const [a, b] = [first, run].map((each) => part.document.runs[each].answers?.[0]?.output);
      return at(a, row) !== at(b, row);
    });
  }

  /** The columns of text numbers in which a search looks: questions and references, and what the models said. */
  function searched(part, models) {
    const { question, references, choices, runs } = part.document;
    const said = models.flatMap((run) => {
      const answers = (runs[run].answers ?? []).flatMap((each) => [each.output, each.raw, each.reasoning, each.error]);
      return [runs[run].extracted, runs[run].why, ...answers];
    });
    return [question, references, choices, ...said].filter((column) => column !== undefined && column !== null);
  }

  function textMatcher(part, models, text) {
    const found = part.matching(text);
    const ids = part.matchingIds(text);
    const columns = searched(part, models);
    const holds = (number) => (Array.isArray(number) ? number.some((each) => found[each]) : number !== null && found[number]);
    return (row) => ids[row] || columns.some((column) => holds(at(column, row)));
  }

  function tests(part, filters) {
    const { models, outcomes, slice, text, differ } = filters;
    const found = [(row) => models.some((run) => part.outcomes[run][row] !== NOT_ASKED)];
    if (slice) {
      const column = part.document.slices?.[slice.name];
      const label = column ? column.labels.indexOf(slice.label) : NOT_ASKED;
      found.push((row) => label >= 0 && column.of[row] === label);
    }
    if (differ && models.length > 1) found.push((row) => differs(part, models, row));
    const before = [...found];
    if (text) before.push(textMatcher(part, models, text));
    if (!outcomes.size) return { before, all: before };
    const codes = OUTCOMES.map((each) => outcomes.has(each.name));
    return { before, all: [...before, (row) => models.some((run) => codes[part.outcomes[run][row]])] };
  }

  /** Rows by the score of a model; those without one stand last, and equal ones keep their order. */
  function ordered(task, rows, run, order) {
    if (!order) return rows;
    const sign = (order === "best") === task.about.higher_is_better ? -1 : 1;
    const scores = new Map(rows.map((number) => {
      const { part, row } = located(task, number);
      return [number, at(part.deciding[run], row)];
    }));
    return rows.sort((one, two) => {
      const [a, b] = [scores.get(one), scores.get(two)];
      return a === null || b === null ? (a === null) - (b === null) : sign * (a - b);
    });
  }

  /**
   * The rows that pass all filters, in their order, and how many pass all but that of outcomes, by outcome of any of the models.
   */
  function filtered(task, filters) {
    const rows = [];
    const counts = OUTCOMES.map(() => 0);
    task.parts.forEach((part, number) => {
      const { before, all } = tests(part, filters);
      const last = all.length > before.length ? all[all.length - 1] : null;
      for (let row = 0; row < part.size; row += 1) {
        if (!before.every((test) => test(row))) continue;
        let seen = 0;
        for (const run of filters.models) {
          const code = part.outcomes[run][row];
          if (code >= 0 && !(seen & (1 << code))) {
            seen |= 1 << code;
            counts[code] += 1;
          }
        }
        if (!last || last(row)) rows.push(rowOf(number, row));
      }
    });
    return { rows: ordered(task, rows, filters.models[0], filters.order), counts };
  }

  /** All labels of all slices: ``[[name, [label]]]``. */
  function slicesOf(task) {
    const found = new Map();
    for (const part of task.parts) {
      for (const [name, { labels }] of Object.entries(part.document.slices ?? {})) {
        if (!found.has(name)) found.set(name, new Set());
        labels.forEach((label) => found.get(name).add(label));
      }
    }
    return [...found].map(([name, labels]) => [name, [...labels].sort(new Intl.Collator("en", { numeric: true }).compare)]);
  }

  /** A sample with the answers of models as JSON Lines, one line a model. */
  function jsonLines(task, part, row, models) {
    const asked = {
      task: task.about.task,
      id: part.id(row),
      question: part.question(row),
      references: part.references(row),
      choices: part.choices(row),
      slices: part.slices(row),
    };
    const one = (values) => (values.length > 1 ? values : (values[0] ?? null));
    const lines = models.map((run) => {
      const found = part.answer(run, row);
      if (!found) return null;
      const whole = (text) => (text?.ends ? text.ends.join(text.between) : (text?.text ?? null));
      const each = (name) => one(found.replies.map((reply) => whole(reply[name])));
      return JSON.stringify({
        ...asked,
        model: task.about.runs[run],
        outcome: found.outcome.name,
        scores: Object.fromEntries(found.values),
        answer: each("output"),
        choice_scores: one(found.replies.map((reply) => reply.choice_scores)),
        extracted: whole(found.extracted),
        raw: each("raw"),
        reasoning: each("reasoning"),
        explanation: whole(found.why),
        error: each("error"),
      });
    });
    return lines.filter((line) => line !== null);
  }

  Object.assign(mmbench.samples, { filtered, slicesOf, jsonLines });
}
