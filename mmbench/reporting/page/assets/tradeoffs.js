"use strict";
// Quality against latency, throughput, memory or cost: a scatter plot with the models that nothing else beats in both.
const { html, axis, contents, go, amended } = mmbench;

const WIDTH = 900;
const HEIGHT = 440;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 30, 16, 48];

/** The costs on an axis whose ends enclose them: logarithmic where they span more than a factor of twenty. */
function costScale(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low > 0 && high / low > 20)) {
    const marks = mmbench.ticks(Math.min(low, 0.9 * low), high * 1.02);
    const [from, to] = [marks[0], marks.at(-1)];
    return { marks, at: (value) => (value - from) / (to - from), log: false };
  }
  const powers = Array.from({ length: Math.ceil(Math.log10(high / low)) + 2 }, (_, place) => 10 ** (Math.floor(Math.log10(low)) + place));
  const all = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  const [from, to] = [all.findLast((mark) => mark <= low), all.find((mark) => mark >= high)];
  const marks = all.filter((mark) => mark >= from && mark <= to);
  return { marks, at: (value) => Math.log(value / from) / Math.log(to / from), log: true };
}

const short = (value) => value.toLocaleString("en", { maximumSignificantDigits: 3, notation: value >= 10000 ? "compact" : "standard" });

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Dots with a place for their label where no dot and no other label stands; without one where there is no room. */
function placed(points) {
  const taken = points.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }));
  const important = (point) => (point.on ? 0 : point.row.role === "contestant" ? 1 : 2);
  for (const point of [...points].sort((a, b) => important(a) - important(b))) {
    const width = 6.6 * point.name.length + 4;
    const spots = [
      { anchor: "start", tx: point.x + 9, ty: point.y + 4, left: point.x + 9 },
      { anchor: "end", tx: point.x - 9, ty: point.y + 4, left: point.x - 9 - width },
      { anchor: "middle", tx: point.x, ty: point.y - 10, left: point.x - width / 2 },
      { anchor: "middle", tx: point.x, ty: point.y + 19, left: point.x - width / 2 },
    ];
    const boxes = spots.map((spot) => ({ ...spot, right: spot.left + width, top: spot.ty - 11, bottom: spot.ty + 3 }));
    const free = boxes.find((box) => box.left > LEFT && box.right < WIDTH && box.top > 0 && box.bottom < HEIGHT - BOTTOM && !taken.some((other) => overlap(box, other)));
    if (free) taken.push(free);
    point.label = free;
  }
  return points;
}

function Plot({ board, metric, points, cost, front }) {
  const scores = points.map((point) => point.score);
  const quality = axis(scores.flatMap((score) => [score.value, score.low, score.high]), metric.bounds, metric.scale);
  const costs = costScale(points.map((point) => point.cost.value));
  const x = (value) => LEFT + costs.at(value) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (quality.at(value) / 100) * (HEIGHT - TOP - BOTTOM);
  const dots = placed(points.map((point) => ({ ...point, x: x(point.cost.value), y: y(point.score.value), name: point.row.model })));
  const line = front.map((point) => `${x(point.cost.value).toFixed(1)},${y(point.score.value).toFixed(1)}`).join(" ");
  const label = `${metric.heading} of ${board.title} against ${cost.title}; the numbers are in the table below`;
  return html`<svg class="pareto" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${label}>
    ${quality.marks.map((mark) => html`<g><line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(mark)} y2=${y(mark)} /><text class="tick" x=${LEFT - 8} y=${y(mark) + 4} text-anchor="end">${quality.text(mark)}</text></g>`)}
    ${costs.marks.map((mark) => html`<g><line class="grid" x1=${x(mark)} x2=${x(mark)} y1=${TOP} y2=${HEIGHT - BOTTOM} /><text class="tick" x=${x(mark)} y=${HEIGHT - BOTTOM + 18} text-anchor="middle">${short(mark)}</text></g>`)}
    <text class="title" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 8} text-anchor="middle">${cost.title}${costs.log ? ", logarithmic" : ""}</text>
    <polyline class="front" points=${line} />
    ${dots.map((dot) => html`<g class=${"point " + dot.row.role + (dot.cost.doubt ? " doubtful" : "") + (dot.on ? " on" : "")}>
      ${typeof dot.score.low === "number" && html`<line class="whisker" x1=${dot.x} x2=${dot.x} y1=${y(dot.score.low)} y2=${y(dot.score.high)} />`}
      <circle cx=${dot.x} cy=${dot.y} r="5" />${dot.label && html`<text x=${dot.label.tx} y=${dot.label.ty} text-anchor=${dot.label.anchor}>${dot.name}</text>`}</g>`)}
  </svg>`;
}

function Tradeoffs({ query }) {
  const known = contents.tradeoffs.map((each) => ({ ...each, title: contents.boards[each.board].title }));
  const chosen = known.find((each) => each.title === query.get("task")) ?? known[0];
  const board = contents.boards[chosen.board];
  const metric = board.metrics[0];
  const cost = chosen.axes.find((each) => each.id === query.get("cost")) ?? chosen.axes[0];
  const change = (more) => go("tradeoffs", amended(query, more), { replace: true });
  const points = chosen.points
    .filter((point) => point.costs[cost.id])
    .map((point) => ({ row: board.rows[point.row], score: board.rows[point.row].scores[0], cost: point.costs[cost.id], on: point.fronts?.includes(cost.id) }));
  const sign = cost.higher_is_better ? -1 : 1;
  const ordered = [...points].sort((a, b) => sign * (a.cost.value - b.cost.value));
  const rows = ordered.map((point) => html`<tr><th scope="row"><bdi>${point.row.model}</bdi></th><td class="n">${point.score.text}</td>
    <td class="n">${point.score.interval ?? ""}</td><td class="n">${point.cost.text}${point.cost.doubt ? " ‡" : ""}</td><td>${point.on ? "yes" : ""}</td></tr>`);
  return html`<div class="controls">
      <label>Task <select value=${chosen.title} onChange=${(event) => change({ task: event.target.value })}>${known.map((each) => html`<option>${each.title}</option>`)}</select></label>
      <label>Against <select value=${cost.id} onChange=${(event) => change({ cost: event.target.value })}>${chosen.axes.map((each) => html`<option value=${each.id}>${each.title}</option>`)}</select></label>
    </div>
    <section><h2><bdi>${metric.heading}</bdi> of <bdi>${board.title}</bdi> against ${cost.title[0].toLowerCase() + cost.title.slice(1)}</h2>
      <div class="scroll plain" role="region" tabindex="0" aria-label="Plot"><${Plot} board=${board} metric=${metric} points=${points} cost=${cost} front=${ordered.filter((point) => point.on)} /></div>
      <ul class="notes"><li>Line: models that no other one beats in both. Controls look at nothing and are never on it. Where dots stand close, some names are in the table alone.</li>
        ${points.some((point) => point.cost.doubt) && html`<li>Hollow and ‡: measured under conditions that spoil it, not to be quoted, and never on the line.</li>`}</ul></section>
    <section><div class="scroll" role="region" tabindex="0" aria-label="Numbers of the plot"><table>
      <thead><tr><th scope="col">Model</th><th scope="col" class="n">${metric.heading}</th><th scope="col" class="n">95 % interval</th><th scope="col" class="n">${cost.title}</th><th scope="col">On the line</th></tr></thead>
      <tbody>${rows}</tbody></table></div></section>`;
}

mmbench.view("tradeoffs", { title: "Trade-offs", order: 20, available: (all) => all.tradeoffs.length > 0, Component: Tradeoffs });
