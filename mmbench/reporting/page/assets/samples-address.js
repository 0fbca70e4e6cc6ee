"use strict";
// How a task, a sample and the filters stand in the address of the page, whatever characters their names hold.
{
  const { OUTCOMES } = mmbench.samples;
  const VIEW = "samples";
  const MOST_MODELS = 3;
  /** In what order samples are listed: by the score of the first model, or as the data have them. */
  const ORDERS = new Map([["", "as in the data"], ["worst", "worst first"], ["best", "best first"]]);

  /** The task and the sample that an address names: ``task`` or ``task/sample``, or in the query of ``samples?task=…&sample=…``. */
  function placeOf({ path, query }, tasks) {
    const named = path === VIEW && tasks.find(({ name }) => name === query.get("task"));
    if (named) return { task: named, sample: query.get("sample") ?? "" };
    const fitting = tasks.filter(({ name }) => path === name || path.startsWith(`${name}/`));
    const task = fitting.sort((a, b) => b.name.length - a.name.length)[0];
    return task ? { task, sample: path.slice(task.name.length + 1) } : { task: tasks[0], sample: "" };
  }

  /** The path and the query that lead to a sample: the short form, unless that names another place or view. */
  function addressOf(task, sample, filters, tasks) {
    const query = mmbench.amended(filters, { task: "", sample: "" });
    const path = sample ? `${task.name}/${sample}` : task.name;
    const found = placeOf({ path, query }, tasks);
    const isShort = mmbench.viewOf(path)?.id === VIEW && found.task === task && found.sample === sample;
    return isShort ? { path, query } : { path: VIEW, query: mmbench.amended(query, { task: task.name, sample }) };
  }

  /** The slice that a query names. Older links have name and label in one, ``slice=name=label``. */
  function sliceOf(query) {
    const [name, label] = [query.get("slice") ?? "", query.get("label")];
    if (label !== null) return { name, label };
    const mark = name.indexOf("=");
    return mark < 1 ? null : { name: name.slice(0, mark), label: name.slice(mark + 1) };
  }

  /** Filters from the query of the address; models and outcomes that this task does not know are left out. */
  function filtersOf(query, task) {
    const runs = task.about.runs;
    const named = query.getAll("model").map((name) => runs.indexOf(name)).filter((run) => run >= 0);
    const chosen = [...new Set(named)].slice(0, MOST_MODELS);
    return {
      models: chosen.length ? chosen : runs.slice(0, MOST_MODELS).map((_, run) => run),
      outcomes: new Set((query.get("outcome") ?? "").split(",").filter((each) => OUTCOMES.some((o) => o.name === each))),
      slice: sliceOf(query),
      text: query.get("text") ?? "",
      order: ORDERS.has(query.get("order")) ? query.get("order") : "",
      differ: query.get("differ") === "1",
    };
  }

  /** The query for filters; what is as it comes by itself is left out. */
  function queryOf(filters, task) {
    const query = new URLSearchParams();
    const runs = task.about.runs;
    const usual = filters.models.every((run, place) => run === place) && filters.models.length === Math.min(runs.length, MOST_MODELS);
    if (!usual) filters.models.forEach((run) => query.append("model", runs[run]));
    if (filters.outcomes.size) query.set("outcome", [...filters.outcomes].join(","));
    if (filters.slice) {
      query.set("slice", filters.slice.name);
      query.set("label", filters.slice.label);
    }
    if (filters.text) query.set("text", filters.text);
    if (filters.order) query.set("order", filters.order);
    if (filters.differ) query.set("differ", "1");
    return query;
  }

  Object.assign(mmbench.samples, { MOST_MODELS, ORDERS, placeOf, addressOf, filtersOf, queryOf });
}
