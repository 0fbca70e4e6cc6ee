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
  const commands = [...new Set(runs.map((run) => run.command).filter(Boolean))];
  return html`<section><h2>Runs</h2>
      <div class="scroll" role="region" tabindex="0" aria-label="Runs"><table>
        <thead><tr>${head.map((name) => html`<th scope="col" class=${["Seed", "Machine", "Packages"].includes(name) ? "n" : ""}>${name}</th>`)}</tr></thead>
        <tbody>${runs.map(row)}</tbody></table></div></section>
    ${commands.length > 0 && html`<section><h2>Commands that made them</h2>
      <ol class="commands">${commands.map((command) => html`<li key=${command}><code>${command}</code></li>`)}</ol></section>`}
    <section><h2>Machines</h2><ol>${machines.map((text) => html`<li>${text}</li>`)}</ol></section>
    <section><h2>Packages</h2><ol>${packages.map((text) => html`<li>${text || "not recorded"}</li>`)}</ol></section>`;
}

mmbench.view("origins", { title: "Origins", order: 90, Component: Origins });
