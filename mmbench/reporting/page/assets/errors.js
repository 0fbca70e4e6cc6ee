"use strict";
// How models err: a confusion matrix where a task has classes, a reliability diagram where a model gave probabilities.
const { html, useState, useEffect, contents, go, amended } = mmbench;

const known = mmbench.blocks("diagnostics");
const share = (value) => `${(100 * value).toFixed(value > 0 && value < 0.1 ? 1 : 0)} %`;
const count = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });

function Matrix({ found }) {
  const totals = found.counts.map((row) => row.reduce((sum, value) => sum + value, 0));
  const silent = found.counts.some((row) => row.at(-1) > 1e-9);
  const heads = silent ? [...found.labels, "no answer"] : found.labels;
  const cell = (value, place, row) => {
    const part = totals[row] ? value / totals[row] : 0;
    const kind = place === row ? "cell right" : "cell wrong";
    const text = html`<b>${totals[row] ? share(part) : ""}</b><span>${count(value)}</span>`;
    return html`<td class=${kind}><span class="wash" style=${{ opacity: (part / 2).toFixed(3) }}></span><span class="text">${text}</span></td>`;
  };
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Confusion matrix"><table class="matrix">
    <thead><tr><th scope="col">right answer ↓ given →</th>${heads.map((name) => html`<th scope="col"><bdi>${name}</bdi></th>`)}<th scope="col" class="n">n</th></tr></thead>
    <tbody>${found.labels.map((name, row) => html`<tr><th scope="row"><bdi>${name}</bdi></th>
      ${found.counts[row].slice(0, heads.length).map((value, place) => cell(value, place, row))}<td class="n">${count(totals[row])}</td></tr>`)}</tbody>
  </table></div><ul class="notes"><li>Shares of each row: how the samples of a class were answered; the diagonal is right.</li></ul>`;
}

function Pairs({ pairs }) {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Most frequent confusions"><table>
    <thead><tr><th scope="col">Right answer</th><th scope="col">Given</th><th scope="col" class="n">Count</th><th scope="col" class="n">Of the class</th></tr></thead>
    <tbody>${pairs.map((each) => html`<tr><th scope="row"><bdi>${each.right}</bdi></th><td><bdi>${each.answered || "no answer"}</bdi></td><td class="n">${count(each.n)}</td><td class="n">${share(each.n / each.of)}</td></tr>`)}</tbody>
  </table></div><ul class="notes"><li>The most frequent confusions; there are too many classes for a matrix.</li></ul>`;
}

const [SIZE, EDGE] = [360, 44];

function Diagram({ found }) {
  const at = (value) => EDGE + value * (SIZE - EDGE - 12);
  const down = (value) => SIZE - at(value);
  const most = Math.max(...found.bins.map(([n]) => n));
  const marks = [0, 0.25, 0.5, 0.75, 1];
  return html`<div class="calibration"><svg viewBox=${`0 0 ${SIZE} ${SIZE}`} role="img" aria-label="Reliability diagram; the numbers are in the table beside it">
      ${marks.map((mark) => html`<g><line class="grid" x1=${at(0)} x2=${at(1)} y1=${down(mark)} y2=${down(mark)} /><line class="grid" y1=${down(0)} y2=${down(1)} x1=${at(mark)} x2=${at(mark)} />
        <text class="tick" x=${EDGE - 6} y=${down(mark) + 4} text-anchor="end">${100 * mark}</text><text class="tick" x=${at(mark)} y=${SIZE - EDGE + 18} text-anchor="middle">${100 * mark}</text></g>`)}
      <line class="ideal" x1=${at(0)} y1=${down(0)} x2=${at(1)} y2=${down(1)} />
      ${found.bins.map(([n, stated, observed, low, high]) => html`<g class="point on"><line class="whisker" x1=${at(stated)} x2=${at(stated)} y1=${down(low)} y2=${down(high)} />
        <circle cx=${at(stated)} cy=${down(observed)} r=${(3 + 5 * Math.sqrt(n / most)).toFixed(1)} /></g>`)}
      <text class="title" x=${at(0.5)} y=${SIZE - 6} text-anchor="middle">stated probability (%)</text>
      <text class="title" transform=${`translate(12 ${down(0.5)}) rotate(-90)`} text-anchor="middle">observed (%)</text>
    </svg>
    <div class="scroll" role="region" tabindex="0" aria-label="Numbers of the diagram"><table><thead><tr><th scope="col" class="n">Stated</th><th scope="col" class="n">Observed</th><th scope="col" class="n">95 % interval</th><th scope="col" class="n">n</th></tr></thead>
      <tbody>${found.bins.map(([n, stated, observed, low, high]) => html`<tr><td class="n">${share(stated)}</td><td class="n">${share(observed)}</td><td class="n">[${share(low)}, ${share(high)}]</td><td class="n">${count(n)}</td></tr>`)}</tbody></table></div></div>
    <p>Expected calibration error ${share(found.error)}, over ${count(found.n)} samples with a probability.</p>`;
}

function Errors({ query }) {
  const [read, setRead] = useState({});
  const block = known.find((each) => each.name === query.get("task")) ?? known[0];
  const place = known.indexOf(block);
  useEffect(() => {
    block.json().then((found) => setRead((all) => ({ ...all, [place]: found })));
  }, [place]);
  const board = contents.boards[block.about.board];
  const models = read[place] ?? [];
  const nameOf = (each) => board.rows[each.row].model;
  const found = models.find((each) => nameOf(each) === query.get("model")) ?? models[0];
  const change = (more) => go("errors", amended(query, more), { replace: true });
  return html`<div class="controls">
      <label>Task <select value=${block.name} onChange=${(event) => change({ task: event.target.value })}>${known.map((each) => html`<option>${each.name}</option>`)}</select></label>
      <label>Model <select value=${found && nameOf(found)} onChange=${(event) => change({ model: event.target.value })}>${models.map((each) => html`<option>${nameOf(each)}</option>`)}</select></label>
    </div>
    ${!found && html`<p class="quiet" role="status">reading …</p>`}
    ${found && (found.labels || found.pairs) && html`<section><h2>What <bdi>${nameOf(found)}</bdi> confuses in <bdi>${board.title}</bdi>${"seed" in found ? `, seed ${found.seed}` : ""}</h2>
      ${found.labels ? html`<${Matrix} found=${found} />` : html`<${Pairs} pairs=${found.pairs} />`}</section>`}
    ${found?.calibration && html`<section><h2>How far the probabilities of <bdi>${nameOf(found)}</bdi> can be believed</h2><${Diagram} found=${found.calibration} /></section>`}`;
}

mmbench.view("errors", { title: "Errors", order: 40, available: () => known.length > 0, Component: Errors });
