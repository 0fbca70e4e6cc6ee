"use strict";
// All numbers: the tables of the page, which are there without a script, and every single value, read when it is asked for.
const { html, useState, useEffect, useMemo } = mmbench;

const AT_ONCE = 200;
const textOf = (cell) => (typeof cell === "string" ? cell : cell[0]);
const keyOf = (cell) => (typeof cell === "string" ? cell : (cell[1] ?? cell[0]));

function Values({ block }) {
  const [table, setTable] = useState(null);
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState("");
  const [most, setMost] = useState(AT_ONCE);
  const [sort, setSort] = useState({ place: -1, sign: 1 });
  useEffect(() => {
    if (open && !table) block.json().then(setTable);
  }, [open]);
  const words = search.toLocaleLowerCase("en").split(/\s+/).filter(Boolean);
  const rows = useMemo(() => {
    const fits = (row) => words.every((word) => row.some((cell) => textOf(cell).toLocaleLowerCase("en").includes(word)));
    const found = (table?.rows ?? []).filter(fits);
    return sort.place < 0 ? found : found.sort((one, two) => order(keyOf(one[sort.place]), keyOf(two[sort.place]), sort.sign));
  }, [table, search, sort]);
  const head = (column, place) => {
    const state = sort.place === place ? (sort.sign > 0 ? "ascending" : "descending") : undefined;
    const turn = () => setSort({ place, sign: sort.place === place ? -sort.sign : column.number ? -1 : 1 });
    return html`<th scope="col" class=${column.number ? "n" : ""} aria-sort=${state}><button type="button" onClick=${turn}>${column.title}</button></th>`;
  };
  const cells = (row) =>
    row.map((cell, place) => {
      const kind = table.columns[place].number ? "n" : "";
      const text = html`<bdi>${textOf(cell)}</bdi>`;
      return place ? html`<td class=${kind} title=${cell[2] && typeof cell !== "string" ? cell[2] : undefined}>${text}</td>` : html`<th scope="row">${text}</th>`;
    });
  return html`<section>
    <h2><bdi>${block.name}</bdi></h2>
    <div class="controls">
      <button type="button" class="button" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>${open ? "Hide" : "Show"} ${block.about.rows.toLocaleString("en")} rows</button>
      ${open && html`<label>Filter <input type="search" value=${search} placeholder="metric, model, slice …" onInput=${(event) => setSearch(event.target.value)} /></label>
        <span class="spread" role="status">${table ? `${rows.length.toLocaleString("en")} of ${block.about.rows.toLocaleString("en")}` : "reading …"}</span>`}
    </div>
    ${open && table && html`
      <div class="scroll" role="region" tabindex="0" aria-label=${block.name}><table>
        <thead><tr>${table.columns.map(head)}</tr></thead>
        <tbody>${rows.slice(0, most).map((row) => html`<tr>${cells(row)}</tr>`)}</tbody>
      </table></div>
      ${rows.length > most && html`<p><button type="button" class="button" onClick=${() => setMost(most + 5 * AT_ONCE)}>Show more: ${(rows.length - most).toLocaleString("en")} rows are left</button></p>`}
      ${table.notes.length > 0 && html`<ul class="notes">${table.notes.map((note) => html`<li>${note}</li>`)}</ul>`}`}
  </section>`;
}

function order(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const numbers = typeof a === "number" && typeof b === "number";
  return sign * (numbers ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
}

/** The tables in detail; the shell shows the static ones above them. */
function Numbers() {
  return html`<h2 class="off-screen">All numbers</h2>
    ${mmbench.blocks("values").map((block) => html`<${Values} key=${block.name} block=${block} />`)}`;
}

mmbench.view("numbers", { title: "All numbers", order: 80, Component: Numbers });
