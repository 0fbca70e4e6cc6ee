"use strict";
// Where the numbers come from: runs with their dates and versions, machines, packages, and the commands that made them.
const { html, contents } = mmbench;

function Origins() {
  const { runs, machines, packages } = contents.origins;
  const head = ["Run", "Model", "Seed", "Date", "Status", "mmbench", "Commit", "Machine", "Packages"];
  const row = (run) => html`<tr key=${run.run}>
    <th scope="row"><bdi>${run.run}</bdi></th><td><bdi>${run.model}</bdi></td><td class="n">${run.seed}</td><td>${run.date}</td>
    <td>${run.status}</td><td>${run.version}</td><td class="code">${run.commit ?? ""}</td>
    <td class="n">${(run.machine ?? 0) + 1}</td><td class="n">${(run.packages ?? 0) + 1}</td></tr>`;
  // Runs that the same commands made are several only where one command made them all, as for seeds.
  const made = new Map(runs.map((run) => [run.commands.join("\n"), run.commands]).filter(([text]) => text));
  const code = (command) => html`<code>${command}</code>`;
  return html`<section><h2>Runs</h2>
      <div class="scroll" role="region" tabindex="0" aria-label="Runs"><table>
        <thead><tr>${head.map((name) => html`<th scope="col" class=${["Seed", "Machine", "Packages"].includes(name) ? "n" : ""}>${name}</th>`)}</tr></thead>
        <tbody>${runs.map(row)}</tbody></table></div></section>
    ${made.size > 0 && html`<section><h2>Commands that made them</h2>
      <ol class="commands">${[...made.values()].map((all) => html`<li>${all.length === 1 ? code(all[0]) : html`<ol aria-label="Several commands made one run, in this order">${all.map((each) => html`<li>${code(each)}</li>`)}</ol>`}</li>`)}</ol></section>`}
    <section><h2>Machines</h2><ol>${machines.map((text) => html`<li>${text}</li>`)}</ol></section>
    <section><h2>Packages</h2><ol>${packages.map((text) => html`<li>${text || "not recorded"}</li>`)}</ol></section>`;
}

mmbench.view("origins", { title: "Origins", order: 90, Component: Origins });
