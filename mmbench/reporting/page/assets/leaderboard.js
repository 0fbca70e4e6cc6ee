"use strict";
// The leaderboards: a row for each model, its value with the interval drawn on an axis that all rows share.
const { html, useState, useMemo, axis, percent, contents, go, amended } = mmbench;

const ROLES = { contestant: "Contestants", baseline: "Baselines", control: "Controls" };
const SHARES = ["truncated", "unparsed", "refused", "failed"];
const fold = (text) => text.toLocaleLowerCase("en");

// --- one drawn interval ---

function Marks({ marks, scale }) {
  return Object.entries(marks ?? {}).map(
    ([name, mark]) => html`<span key=${name} class=${"guess " + name} style=${{ left: percent(scale.at(mark.value)) }}></span>`,
  );
}

/** A value as a dot, its interval as a bar, its seeds as small dots; decoration, since the numbers stand beside it. */
function Interval({ score, metric, scale, hollow }) {
  if (!scale) return null;
  const { value, low, high, seeds = [] } = score ?? {};
  const known = typeof value === "number";
  const [from, to] = seeds.length ? [Math.min(...seeds), Math.max(...seeds)] : [low, high];
  const spread = typeof from === "number" && typeof to === "number";
  const width = spread && { left: percent(scale.at(from)), width: percent(scale.at(to) - scale.at(from)) };
  return html`<div class="interval" aria-hidden="true">
    <${Marks} marks=${metric.marks} scale=${scale} />
    ${spread && html`<span class=${seeds.length ? "spread" : "bar"} style=${width}></span>`}
    ${seeds.map((seed) => html`<span class="seed" style=${{ left: percent(scale.at(seed)) }}></span>`)}
    ${known && html`<span class=${hollow ? "dot hollow" : "dot"} style=${{ left: percent(scale.at(value)) }}></span>`}
  </div>`;
}

function AxisHead({ metric, scale }) {
  const marks = Object.entries(metric.marks ?? {});
  const places = new Map();
  for (const [name, mark] of marks) places.set(mark.text, [...(places.get(mark.text) ?? []), name]);
  return html`<div class="axis"><span class="off-screen">${metric.heading}, drawn with its interval</span>
    <div class="guesses">
      ${[...places].map(([text, names]) => html`<span key=${text}>${names.join(", ")} ${text}</span>`)}
    </div>
    <div class="interval ticks" aria-hidden="true">
      <${Marks} marks=${metric.marks} scale=${scale} />
      ${scale.marks.map((mark) => html`<span class="tick" style=${{ left: percent(scale.at(mark)) }}>${scale.text(mark)}</span>`)}
    </div>
  </div>`;
}

// --- columns ---

const measured = (measure) => measure && html`<span class=${measure.doubt ? "doubt" : ""}>${measure.text}${measure.doubt ? " ‡" : ""}</span>`;

function scoreText(score, status) {
  if (!score) return html`<span class="quiet">${status}</span>`;
  const text = html`${score.text}${score.incomplete ? "†" : ""}`;
  return score.best ? html`<strong>${text}</strong>` : text;
}

function intervalText(score) {
  if (!score) return "";
  return score.seeds?.length ? `${score.seeds.length} seeds` : (score.interval ?? "");
}

/** The columns of a board: how each is headed, sorted and shown. */
function columnsOf(board, chosen, scale) {
  const metric = board.metrics[chosen];
  const hollow = (row) => row.role !== "contestant";
  const columns = [];
  const add = (id, title, key, show, more = {}) => columns.push({ id, title, key, show, ...more });
  if (board.rows.some((row) => row.rank)) {
    add("rank", "Rank", (row) => row.rank?.value, (row) => row.rank?.text, { upwards: true, kind: "n rank" });
  }
  add("model", "Model", (row) => row.model, null, { upwards: true, kind: "model" });
  if (metric) {
    const score = (row) => row.scores[chosen];
    const first = metric.higher_is_better === false;
    add("value", metric.heading, (row) => score(row)?.value, (row) => scoreText(score(row), row.status), { kind: "n value", upwards: first });
    const drawn = (row) => html`<${Interval} score=${score(row)} metric=${metric} scale=${scale} hollow=${hollow(row)} />`;
    if (scale) add("drawn", null, null, drawn, { kind: "drawn", head: html`<${AxisHead} metric=${metric} scale=${scale} />` });
    add("interval", "95 % interval", (row) => width(score(row)), (row) => intervalText(score(row)), { kind: "n quiet", upwards: true });
  } else {
    add("status", "Status", (row) => row.status, (row) => row.status, { upwards: true });
  }
  board.metrics.forEach((other, place) => {
    if (place === chosen) return;
    const key = (row) => row.scores[place]?.value;
    add(other.id, other.heading, key, (row) => scoreText(row.scores[place], ""), { kind: "n", upwards: other.higher_is_better === false });
  });
  if (board.rows.some((row) => row.coverage)) {
    add("coverage", "Coverage", (row) => row.coverage?.value, (row) => row.coverage?.text, { kind: "n quiet" });
  }
  for (const name of SHARES.filter((each) => board.rows.some((row) => row.shares?.[each]))) {
    add(name, name[0].toUpperCase() + name.slice(1), (row) => row.shares?.[name]?.value ?? 0, (row) => row.shares?.[name]?.text ?? html`<span class="quiet">0 %</span>`, { kind: "n" });
  }
  if (board.rows.some((row) => row.speed)) {
    add("speed", "Samples/s", (row) => row.speed?.value, (row) => measured(row.speed), { kind: "n" });
  }
  return columns;
}

const width = (score) => (typeof score?.low === "number" ? score.high - score.low : undefined);

/** Rows in the order of a column; what has no value stands last. Equal ones keep the order of the ranks. */
function sorted(rows, column, upwards) {
  if (!column?.key) return rows;
  const sign = upwards ? 1 : -1;
  return [...rows].sort((one, two) => {
    const [a, b] = [column.key(one) ?? null, column.key(two) ?? null];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);
  });
}

// --- a board ---

function Head({ column, sort, onSort }) {
  const state = sort.column === column.id ? (sort.upwards ? "ascending" : "descending") : undefined;
  const content = column.head ?? html`<button type="button" onClick=${() => onSort(column)}>${column.title}</button>`;
  return html`<th scope="col" class=${column.kind} aria-sort=${state}>${content}</th>`;
}

function Row({ row, columns }) {
  const [open, setOpen] = useState(false);
  const details = row.details ?? [];
  const name = html`<button type="button" class="open" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}><bdi>${row.model}</bdi></button>`;
  const cells = columns.map((column) =>
    column.id === "model"
      ? html`<th scope="row" class="model">${details.length || row.speed?.doubt ? name : html`<bdi>${row.model}</bdi>`}</th>`
      : html`<td class=${column.kind}>${column.show(row)}</td>`,
  );
  return html`<tr class=${row.role}>${cells}</tr>
    ${open && html`<tr class="details"><td colspan=${columns.length}><${Details} row=${row} /></td></tr>`}`;
}

function Details({ row }) {
  const pairs = [...(row.details ?? []), ...(row.speed?.doubt ? [["Speed, not to be quoted", row.speed.doubt]] : [])];
  return html`<dl>${pairs.map(([name, text]) => html`<div><dt><bdi>${name}</bdi></dt><dd><bdi>${text}</bdi></dd></div>`)}</dl>`;
}

function Board({ board, shown, sort, onSort }) {
  const [chosen, setChosen] = useState(0);
  const metric = board.metrics[chosen];
  const scale = useMemo(() => metric && axis(valuesOf(board, chosen), metric.bounds, metric.scale), [chosen]);
  const columns = columnsOf(board, chosen, scale);
  const rows = board.rows.filter(shown);
  const roles = Object.keys(ROLES).filter((role) => board.rows.some((row) => row.role === role));
  const column = columns.find((each) => each.id === sort.column);
  const groups = roles.map((role) => [role, sorted(rows.filter((row) => row.role === role), column, sort.upwards)]);
  return html`<section class="board" aria-label=${board.title}>
    <div class="heading">
      <div><h2><bdi>${board.title}</bdi></h2>${board.subtitle && html`<p class="lead"><bdi>${board.subtitle}</bdi></p>`}</div>
      ${board.metrics.length > 1 && html`<label class="quiet">Drawn
        <select value=${chosen} onChange=${(event) => setChosen(Number(event.target.value))}>
          ${board.metrics.map((each, place) => html`<option value=${place}>${each.heading}</option>`)}
        </select></label>`}
    </div>
    <div class="scroll" role="region" tabindex="0" aria-label=${"Leaderboard of " + board.title}>
      <table class="ranks">
        <thead><tr>${columns.map((each) => html`<${Head} key=${each.id} column=${each} sort=${sort} onSort=${onSort} />`)}</tr></thead>
        ${groups.map(([role, members]) => members.length > 0 && html`<tbody key=${role}>
          ${roles.length > 1 && html`<tr class="role"><th colspan=${columns.length} scope="rowgroup"><span>${ROLES[role]}</span></th></tr>`}
          ${members.map((row) => html`<${Row} key=${row.model} row=${row} columns=${columns} />`)}
        </tbody>`)}
      </table>
    </div>
    ${rows.length === 0 && html`<p class="empty">No model of this board fits the search.</p>`}
    <${Legend} board=${board} metric=${metric} />
  </section>`;
}

function valuesOf(board, chosen) {
  const scores = board.rows.map((row) => row.scores[chosen]).filter(Boolean);
  const guesses = Object.values(board.metrics[chosen].marks ?? {}).map((mark) => mark.value);
  return [...scores.flatMap((score) => [score.value, score.low, score.high, ...(score.seeds ?? [])]), ...guesses];
}

function Legend({ board, metric }) {
  const scores = board.rows.flatMap((row) => row.scores).filter(Boolean);
  const seeds = scores.some((score) => score.seeds?.length);
  const notes = [];
  if (metric?.higher_is_better === false) notes.push(`${metric.heading}: lower is better.`);
  if (scores.some((score) => score.interval)) notes.push("Bar: 95 % interval. Intervals that overlap may still differ: ranks come from paired resamples.");
  if (seeds) notes.push("Small dots: the seeds of a model; their range is no confidence interval.");
  if (board.rows.some((row) => row.rank)) notes.push("Rank: 95 % range. Models whose ranges overlap may be equally good.");
  if (scores.some((score) => score.best)) notes.push("Bold: leads the others, chance and prior beyond noise.");
  if (scores.some((score) => score.incomplete)) notes.push("†: samples or seeds of it are missing, so it covers less than the others.");
  if (board.rows.some((row) => row.speed?.doubt)) notes.push("‡: measured under conditions that spoil it, not to be quoted; open the model's row to see why.");
  notes.push(...(board.notes ?? []));
  return notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`;
}

// --- the view ---

function Leaderboard({ query }) {
  const boards = contents.boards;
  const text = query.get("search") ?? "";
  const task = query.get("task") ?? "";
  const hidden = (query.get("without") ?? "").split(",");
  const [, column, direction] = /^(.*):(up|down)$/s.exec(query.get("sort") ?? "") ?? [];
  const sort = { column, upwards: direction === "up" };
  const change = (more) => go("leaderboard", amended(query, more), { replace: true });
  const roles = Object.keys(ROLES).filter((role) => boards.some((board) => board.rows.some((row) => row.role === role)));
  const shown = (row) => !hidden.includes(row.role) && fold(row.model).includes(fold(text.trim()));
  const toggle = (role) => change({ without: roles.filter((each) => hidden.includes(each) !== (each === role)).join(",") });
  const onSort = (next) => {
    const first = Boolean(next.upwards);
    const upwards = sort.column === next.id ? !sort.upwards : first;
    change({ sort: `${next.id}:${upwards ? "up" : "down"}` });
  };
  const models = new Set(boards.flatMap((board) => board.rows.filter(shown).map((row) => row.model)));
  const chosen = boards.filter((board) => !task || board.title === task);
  return html`<h2 class="off-screen">Leaderboard</h2>
    <div class="controls" role="search">
      <label>Search <input type="search" value=${text} placeholder="model" onInput=${(event) => change({ search: event.target.value })} /></label>
      ${boards.length > 1 && html`<label>Task <select value=${task} onChange=${(event) => change({ task: event.target.value })}>
        <option value="">all</option>${boards.map((board) => html`<option value=${board.title}>${board.title}</option>`)}
      </select></label>`}
      ${roles.length > 1 && roles.map((role) => html`<label><input type="checkbox" checked=${!hidden.includes(role)} onChange=${() => toggle(role)} />${ROLES[role]}</label>`)}
      <span class="spread" role="status">${models.size} model${models.size === 1 ? "" : "s"}</span>
    </div>
    ${chosen.map((board) => html`<${Board} key=${board.title + board.subtitle} board=${board} shown=${shown} sort=${sort} onSort=${onSort} />`)}`;
}

Object.assign(mmbench, { Interval, Marks });
mmbench.view("leaderboard", { title: "Leaderboard", order: 10, available: (all) => all.boards.length > 0, Component: Leaderboard });
