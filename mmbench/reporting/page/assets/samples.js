"use strict";
// The view of samples: filters above, the list beside the sample that is open.
{
  const { html, useEffect, useMemo, useRef, useState } = mmbench;
  const { OUTCOMES, MOST_MODELS, ORDERS, List, Detail, placeOf, addressOf, filtersOf, queryOf, filtered, slicesOf, jsonLines, located, source } = mmbench.samples;
  const count = new Intl.NumberFormat("en");
  const KEYS = [
    ["j or ↓", "next sample"],
    ["k or ↑", "previous sample"],
    ["/", "search"],
    ["d", "only where the models differ"],
    ["c", "copy this sample as JSON Lines"],
    ["Esc", "leave the search; back to the list"],
    ["?", "these keys"],
  ];

  // --- the address ---

  /** The place of a sample in the rows; -1 where it is not among them. */
  const placeIn = (task, rows, sample) =>
    sample === "" ? -1 : rows.findIndex((number) => {
      const { part, row } = located(task, number);
      return part.id(row) === sample;
    });

  // --- filters ---

  function Select({ label, value, options, change }) {
    return html`<label class="s-field"><span>${label}</span>
      <select value=${value} onChange=${(event) => change(event.target.value)}>${options}</select>
    </label>`;
  }

  function Slices({ slices, chosen, change }) {
    if (!slices.length) return null;
    const known = [];
    const option = (slice, at) => html`<option value=${at}>${slice.name}: ${slice.label}</option>`;
    const groups = slices.map(
      ([name, labels]) => html`<optgroup label=${name}>${labels.map((label) => option({ name, label }, known.push({ name, label }) - 1))}</optgroup>`,
    );
    const place = chosen ? known.findIndex(({ name, label }) => name === chosen.name && label === chosen.label) : "";
    const other = place === -1 && option(chosen, -1); // a link from a page with other samples may name it
    const options = [html`<option value="">all</option>`, other, groups];
    return html`<${Select} label="Slice" value=${place} change=${(at) => change(at === "" ? null : (known[at] ?? chosen))} options=${options} />`;
  }

  function Models({ runs, models, change }) {
    if (runs.length < 2) return null;
    const set = (place, value) => {
      const next = [...models];
      if (value === "") next.splice(place, 1);
      else next[place] = Number(value);
      change(next);
    };
    const places = [...models, ...(models.length < Math.min(MOST_MODELS, runs.length) ? [null] : [])];
    return html`<fieldset class="s-models"><legend>Models side by side</legend>
      ${places.map(
        (run, place) => html`<select key=${place} aria-label=${`Model ${place + 1}`} value=${run ?? ""} onChange=${(event) => set(place, event.target.value)}>
          ${(models.length > 1 || run === null) && html`<option value="">${run === null ? "add a model" : "none"}</option>`}
          ${runs.map((label, each) => html`<option value=${each} disabled=${models.includes(each) && each !== run}>${label}</option>`)}
        </select>`,
      )}
    </fieldset>`;
  }

  function Outcomes({ counts, chosen, change }) {
    const toggle = (name) => {
      const next = new Set(chosen);
      if (!next.delete(name)) next.add(name);
      change(next);
    };
    const shown = OUTCOMES.map((each, code) => ({ ...each, count: counts[code] })).filter((each) => each.count || chosen.has(each.name));
    return html`<fieldset class="s-outcomes"><legend>Outcome</legend>
      ${shown.map(
        (each) => html`<button type="button" key=${each.name} class=${`s-chip s-${each.name}`} aria-pressed=${chosen.has(each.name)} onClick=${() => toggle(each.name)}>
          <span class=${`s-sign s-${each.name}`} aria-hidden="true">${each.sign}</span> ${each.label} <span class="s-count">${count.format(each.count)}</span>
        </button>`,
      )}
    </fieldset>`;
  }

  function Filters({ tasks, task, openTask, filters, set, counts, slices, search }) {
    const [text, setText] = useState(filters.text);
    const [unfolded, unfold] = useState(false);
    const active = filters.outcomes.size + Number(filters.differ) + Number(filters.slice !== null);
    const follow = () => setText(filters.text);
    useEffect(() => {
      if (document.activeElement !== search.current) follow(); // else a late effect would undo a letter that was typed meanwhile
    }, [filters.text]);
    return html`<form class="s-filters" role="search" aria-label="Filter the samples" onSubmit=${(event) => event.preventDefault()}>
      ${tasks.length > 1 &&
      html`<${Select} label="Task" value=${tasks.indexOf(task)} change=${(place) => openTask(tasks[place])} options=${tasks.map((each, place) => html`<option value=${place}>${each.name}</option>`)} />`}
      <label class="s-field s-search"><span>Text</span>
        <input ref=${search} type="search" placeholder="in questions and answers" value=${text} onBlur=${follow} onInput=${(event) => {
          setText(event.target.value);
          set({ text: event.target.value });
        }} />
      </label>
      <button type="button" class="s-unfold" aria-expanded=${unfolded} onClick=${() => unfold(!unfolded)}>Filters${active ? `: ${active}` : ""}</button>
      <div class=${`s-rest ${unfolded ? "s-unfolded" : ""}`}>
      <${Slices} slices=${slices} chosen=${filters.slice} change=${(slice) => set({ slice })} />
      ${task.about.metric && html`<${Select} label="Order" value=${filters.order} change=${(order) => set({ order })} options=${[...ORDERS].map(([order, name]) => html`<option value=${order}>${name}</option>`)} />`}
      <${Models} runs=${task.about.runs} models=${filters.models} change=${(models) => set({ models })} />
      <${Outcomes} counts=${counts} chosen=${filters.outcomes} change=${(outcomes) => set({ outcomes })} />
      ${filters.models.length > 1 &&
      html`<label class="s-check"><input type="checkbox" checked=${filters.differ} onChange=${(event) => set({ differ: event.target.checked })} /> Only where they differ</label>`}
      </div>
    </form>`;
  }

  // --- copying ---

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea"); // where the browser has no clipboard for pages from disk
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  // --- keys ---

  function Help({ shown, close }) {
    const dialog = useRef(null);
    useEffect(() => {
      if (!shown || dialog.current.open) return;
      dialog.current.showModal();
      dialog.current.querySelector("button").focus();
    }, [shown]);
    if (!shown) return null;
    return html`<dialog ref=${dialog} class="s-help" aria-label="Keys" onClose=${close}>
      <h2>Keys</h2>
      <dl>${KEYS.map(([key, what]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${what}</dd></div>`)}</dl>
      <button type="button" onClick=${() => dialog.current.close()}>Close</button>
    </dialog>`;
  }

  const isTyping = ({ target }) => target.closest("input:not([type=checkbox]), select, textarea") !== null;

  function useKeys(keys) {
    const latest = useRef(keys);
    latest.current = keys;
    useEffect(() => {
      const listen = (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
        if (isTyping(event) && event.key !== "Escape") return;
        const act = latest.current[event.key];
        if (act && act(event) !== false) event.preventDefault();
      };
      addEventListener("keydown", listen);
      return () => removeEventListener("keydown", listen);
    }, []);
  }

  // --- the view ---

  /** The parts of a task, as they are read: drawn again when one is there. */
  function useParts(task) {
    const [, again] = useState(0);
    const [problem, setProblem] = useState(null);
    useEffect(() => {
      setProblem(null);
      if (task.complete) return;
      task.load(() => again((n) => n + 1)).catch((error) => setProblem(String(error)));
    }, [task]);
    return { parts: task.parts.length, problem };
  }

  function useMedia() {
    const [media, setMedia] = useState(null);
    useEffect(() => {
      source.images().then(setMedia, () => setMedia({}));
    }, []);
    return media;
  }

  /** What right and wrong mean; a metric without an end calls no sample so. */
  function judging({ metric, ends: [worst, best] }) {
    if (worst === null && best === null) return `No sample is right or wrong, because ${metric} has no best and no worst value; order them by it.`;
    if (worst === null) return `A sample is right if ${metric} is ${best}, its best; it has no worst value, so none is wrong.`;
    if (best === null) return `A sample is wrong if ${metric} is ${worst}, its worst; it has no best value, so none is right.`;
    return `A sample is right if ${metric} is ${best}, its best, and wrong if it is ${worst}.`;
  }

  function Notes({ task, problem }) {
    const { about } = task;
    const notes = [
      problem && `The samples cannot be read: ${problem}`,
      about.note,
      ...(source.notes ?? []),
      about.of > about.samples && `This page holds ${count.format(about.samples)} of the task's ${count.format(about.of)} samples; the others were left out to keep it small`,
      about.metric && judging(about),
    ].filter(Boolean);
    return html`<ul class="notes s-notes">${notes.map((note) => html`<li><bdi>${note}</bdi></li>`)}</ul>`;
  }

  function Samples({ path, query }) {
    const [, again] = useState(0);
    useEffect(() => source.changed?.(() => again((n) => n + 1)), []);
    const { task, sample } = placeOf({ path, query }, source.tasks);
    const { parts, problem } = useParts(task);
    const media = useMedia();
    const search = useRef(null);
    const [help, setHelp] = useState(false);
    const [done, setDone] = useState("");
    const address = query.toString();
    const filters = useMemo(() => filtersOf(query, task), [address, task]);
    const { rows, counts } = useMemo(() => filtered(task, filters), [filters, parts]);
    const slices = useMemo(() => slicesOf(task), [task, parts]);
    const listed = useMemo(() => placeIn(task, rows, sample), [task, rows, sample]);
    const wide = matchMedia("(min-width: 60rem)").matches;
    const place = listed >= 0 || sample ? listed : wide && rows.length ? 0 : -1;

    const goTo = (where, name, filtering, how) => {
      const found = addressOf(where, name, filtering, source.tasks);
      mmbench.go(found.path, found.query, how);
    };
    const go = (name, filtering, how) => goTo(task, name, filtering, how);
    const set = (change) => go(sample, queryOf({ ...filters, ...change }, task), { replace: true });
    const open = (next, { focus = false } = {}) => {
      if (next < 0 || next >= rows.length) return;
      const { part, row } = located(task, rows[next]);
      go(part.id(row), query, { replace: wide });
      if (focus && !wide) scrollTo(0, 0);
    };
    const back = () => go("", query);
    const copy = async (numbers) => {
      const lines = numbers.flatMap((number) => {
        const { part, row } = located(task, number);
        return jsonLines(task, part, row, filters.models);
      });
      await copied(lines.map((line) => `${line}\n`).join(""));
      setDone(`${count.format(lines.length)} ${lines.length === 1 ? "line" : "lines"} copied`);
      setTimeout(() => setDone(""), 2500);
    };

    const next = () => open(place + 1);
    const previous = () => open(place - 1);
    useKeys({
      j: next,
      k: previous,
      ArrowDown: next,
      ArrowUp: previous,
      "/": () => search.current.focus(),
      "?": () => setHelp(true),
      d: () => filters.models.length > 1 && set({ differ: !filters.differ }),
      c: () => place >= 0 && copy([rows[place]]),
      Escape: () => (document.activeElement === search.current ? search.current.blur() : sample && !wide ? back() : false),
    });

    const shown = place >= 0 ? located(task, rows[place]) : outside(task, sample);
    const label = `${count.format(rows.length)} sample${rows.length === 1 ? "" : "s"}`;
    const actions = html`
      <button type="button" class="s-back" onClick=${back}>← All samples</button>
      <button type="button" onClick=${previous} disabled=${place <= 0} aria-label="Previous sample">↑</button>
      <button type="button" onClick=${next} disabled=${place < 0 || place + 1 >= rows.length} aria-label="Next sample">↓</button>
      <button type="button" onClick=${() => copy([rows[place]])} disabled=${place < 0}>Copy as JSON Lines</button>`;
    return html`<div class=${`s-view ${sample ? "s-open" : ""}`}>
      <${Filters} ...${{ tasks: source.tasks, task, openTask: (next) => goTo(next, "", {}), filters, set, counts, slices, search }} />
      <div class="s-status">
        <p aria-live="polite">${parts === 0 && !task.complete && !problem ? "reading the samples …" : `${label} of ${count.format(task.size)}`} ${done && html`<strong>${done}</strong>`}</p>
        <div class="s-actions">
          <button type="button" onClick=${() => copy(rows)} disabled=${!rows.length}>Copy all as JSON Lines</button>
          <button type="button" onClick=${() => setHelp(true)} aria-label="Keys">?</button>
        </div>
      </div>
      <div class="s-panes">
        <${List} ...${{ task, rows, chosen: place, models: filters.models, media, open, label }} />
        <div class="s-pane">
          ${sample && place < 0 && parts > 0 && html`<p class="s-hint">${shown ? "The filters leave this sample out." : `There is no sample ${sample} in this page.`}</p>`}
          ${shown && html`<${Detail} key=${`${shown.part.id(shown.row)}`} ...${{ task, media, actions, models: filters.models, ...shown }} />`}
          ${!shown && !sample && parts > 0 && html`<p class="s-hint">${rows.length ? "Choose a sample." : "No sample passes these filters."}</p>`}
        </div>
      </div>
      <${Notes} task=${task} problem=${problem} />
      <${Help} shown=${help} close=${() => setHelp(false)} />
    </div>`;
  }

  /** A sample that the address names and the filters leave out; null where the page does not have it. */
  function outside(task, sample) {
    if (!sample) return null;
    for (const part of task.parts) {
      const row = part.document.ids.indexOf(sample);
      if (row >= 0) return { part, row };
    }
    return null;
  }

  mmbench.view("samples", { title: "Samples", order: 20, available: () => source.tasks.length > 0, Component: Samples });
}
