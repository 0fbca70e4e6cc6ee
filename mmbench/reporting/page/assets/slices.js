"use strict";
// Values by slice: for each label a bar with its interval, for a few models at a time.
const { html, useState, useEffect, axis, percent, contents, go, amended, Marks } = mmbench;

const AT_ONCE = 25;
const MODELS = 3;
const known = mmbench.blocks("slices");

function Bar({ value, model, place, metric, scale }) {
  if (!value) return html`<div class="slice-bar"><span class="name"><bdi>${model}</bdi></span><span class="quiet">no value</span></div>`;
  const [text, number, low, high, n] = value;
  const from = Math.max(0, scale.at(Math.min(scale.zero, number ?? scale.zero)));
  const length = number === null ? 0 : Math.abs(scale.at(number) - scale.at(scale.zero));
  const whisker = low !== null && { left: percent(scale.at(low)), width: percent(scale.at(high) - scale.at(low)) };
  const digits = (text.split(".")[1] ?? "").length;
  const shown = (end) => (end * metric.scale).toFixed(digits);
  const interval = low === null ? "" : ` [${shown(low)}, ${shown(high)}]`;
  return html`<div class="slice-bar"><span class="name"><bdi>${model}</bdi></span>
    <span class="track" aria-hidden="true"><span class=${"fill shade" + place} style=${{ left: percent(from), width: percent(length) }}></span>
      <${Marks} marks=${metric.marks} scale=${scale} />${whisker && html`<span class="whisker" style=${whisker}></span>`}</span>
    <span class="number"><b>${text}</b><span class="quiet">${interval} n = ${n.toLocaleString("en")}</span></span></div>`;
}

const ORDERS = { label: "label", n: "units", value: "value", spread: "spread between models" };

function ordered(slice, rows, order) {
  const places = slice.labels.map((_, place) => place);
  const values = (place) => rows.map((row) => slice.values[place][row]).filter((value) => value && value[1] !== null);
  const keys = {
    n: (place) => -Math.max(0, ...values(place).map((value) => value[4])),
    value: (place) => values(place)[0]?.[1] ?? Infinity,
    spread: (place) => Math.min(...values(place).map((value) => value[1])) - Math.max(...values(place).map((value) => value[1])),
  };
  const byLabel = (a, b) => slice.labels[a].localeCompare(slice.labels[b], "en", { numeric: true });
  return places.sort(keys[order] ? (a, b) => keys[order](a) - keys[order](b) || byLabel(a, b) : byLabel);
}

function Slices({ query }) {
  const [slices, setSlices] = useState({});
  const [most, setMost] = useState(AT_ONCE);
  const block = known.find((each) => each.name === query.get("task")) ?? known[0];
  const key = known.indexOf(block);
  useEffect(() => {
    block.json().then((found) => setSlices((all) => ({ ...all, [key]: found })));
  }, [key]);
  const board = contents.boards[block.about.board];
  const metric = board.metrics[0];
  const change = (more) => {
    setMost(AT_ONCE);
    go("slices", amended(query, more), { replace: true });
  };
  const slice = slices[key]?.find((each) => each.name === query.get("by")) ?? slices[key]?.[0];
  const usual = [...board.rows.keys()].filter((row) => board.rows[row].role === "contestant").concat([...board.rows.keys()]).slice(0, MODELS);
  const named = query.has("model") ? query.getAll("model") : (query.get("models")?.split("|") ?? []); // older links join the names
  const models = named.length ? named.map((name) => board.rows.findIndex((row) => row.model === name)).filter((row) => row >= 0) : [...new Set(usual)];
  const text = (query.get("search") ?? "").toLocaleLowerCase("en");
  const pick = (row) => change({ models: "", model: (models.includes(row) ? models.filter((each) => each !== row) : [...models, row]).map((each) => board.rows[each].model) });
  const places = slice ? ordered(slice, models, query.get("order")).filter((place) => slice.labels[place].toLocaleLowerCase("en").includes(text)) : [];
  return html`<div class="controls">
      <label>Task <select value=${block.name} onChange=${(event) => change({ task: event.target.value, by: "", models: "", model: "" })}>${known.map((each) => html`<option>${each.name}</option>`)}</select></label>
      <label>By <select value=${slice?.name} onChange=${(event) => change({ by: event.target.value })}>${block.about.names.map(([name, count]) => html`<option value=${name}>${name} (${count.toLocaleString("en")})</option>`)}</select></label>
      <label>Order <select value=${query.get("order") ?? "label"} onChange=${(event) => change({ order: event.target.value })}>${Object.entries(ORDERS).map(([id, name]) => html`<option value=${id}>${name}</option>`)}</select></label>
      <label>Search <input type="search" placeholder="label" value=${query.get("search") ?? ""} onInput=${(event) => change({ search: event.target.value })} /></label>
    </div>
    <details class="pick"><summary>Models: ${models.map((row) => board.rows[row].model).join(", ") || "none"}</summary>
      ${board.rows.map((row, place) => html`<label><input type="checkbox" checked=${models.includes(place)} disabled=${models.length === 1 && models[0] === place} onChange=${() => pick(place)} /><bdi>${row.model}</bdi></label>`)}</details>
    <section><h2><bdi>${metric.heading}</bdi> of <bdi>${board.title}</bdi>${slice && html` by <bdi>${slice.name}</bdi>`}</h2>
      ${!slice ? html`<p class="quiet" role="status">reading …</p>` : html`<${Bars} slice=${slice} places=${places} most=${most} models=${models} board=${board} metric=${metric} />`}
      ${places.length > most && html`<p><button type="button" class="button" onClick=${() => setMost(most + 4 * AT_ONCE)}>Show more: ${(places.length - most).toLocaleString("en")} labels are left</button></p>`}
      ${slice && places.length === 0 && html`<p class="empty">No label fits the search.</p>`}</section>`;
}

function Bars({ slice, places, most, models, board, metric }) {
  const values = places.flatMap((place) => models.map((row) => slice.values[place][row])).filter(Boolean);
  const [low, high] = metric.bounds ?? [null, null];
  const zero = low !== null && low > 0 ? low : 0;
  const found = axis([...values.flatMap((value) => value.slice(1, 4)), zero, ...Object.values(metric.marks ?? {}).map((mark) => mark.value)], [low, high], metric.scale);
  if (!found) return null;
  const scale = { ...found, zero };
  return html`<div class="slices">${places.slice(0, most).map((place) => html`<div class="slice" key=${slice.labels[place]}>
      <h3><bdi>${slice.labels[place] || "(empty)"}</bdi></h3>
      ${models.map((row, order) => html`<${Bar} value=${slice.values[place][row]} model=${board.rows[row].model} place=${order % 3} metric=${metric} scale=${scale} />`)}
    </div>`)}</div>
    <ul class="notes"><li>Bar: the value; line: its 95 % interval${Object.keys(metric.marks ?? {}).length ? "; dashed: chance, dotted: prior, over all samples" : ""}.</li></ul>`;
}

mmbench.view("slices", { title: "Slices", order: 30, available: () => known.length > 0, Component: Slices });
