"use strict";
// The samples of `mmbench view`: fetched from its server page by page, and again when the runs have changed.
{
  const { Task, placeOf } = mmbench.samples;
  const EVERY_MS = 3000;
  const [block] = mmbench.blocks("live");

  async function fetched(path) {
    const answer = await fetch(path, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status === 404 ? "the runs have changed meanwhile" : (await answer.text()).trim());
    return answer.json();
  }

  function tasksOf(state) {
    return state.tasks.map(({ name, about, pages }, task) => {
      const each = Array.from({ length: pages }, (_, page) => () => fetched(`samples/${state.stamp}/${task}/${page}`));
      return new Task({ name, about, pages: each });
    });
  }

  function live(state) {
    const listeners = new Set();
    const media = new Proxy({}, { get: (_, name) => ({ src: `thumbnail/${String(name)}`, full: `image/${String(name)}` }) });
    const source = {
      tasks: tasksOf(state),
      notes: state.notes,
      images: () => Promise.resolve(media),
      /** Call when the tasks are others; what it returns ends that. */
      changed: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    let { stamp, notes } = state;
    let isStale = false; // the leaderboard is part of the page: it is loaded again when somebody looks at it

    async function poll() {
      const next = await fetched("state");
      if (next.stamp === stamp) return;
      const tasks = tasksOf(next);
      if (listeners.size) await placeOf(mmbench.route(), tasks).task?.load(); // what is shown is replaced at once
      ({ stamp, notes } = next);
      Object.assign(source, { tasks, notes });
      isStale = true;
      if (!tasks.length) location.reload(); // the page has another first view then
      else listeners.forEach((listener) => listener());
    }

    /** Say below the list why nothing new appears; without a problem, no longer. */
    function tell(problem) {
      const told = problem ? [...notes, problem] : notes;
      if (told.join() === source.notes.join()) return;
      source.notes = told;
      listeners.forEach((listener) => listener());
    }

    function refresh() {
      const isTyping = document.activeElement?.matches("input:not([type=checkbox]), textarea");
      if (isStale && !isTyping && mmbench.route().view.id !== "samples") location.reload();
    }

    const reason = (error) => (error instanceof TypeError ? "mmbench view does not answer any more: this is what it showed last" : error.message);

    async function again() {
      await new Promise((after) => setTimeout(after, EVERY_MS));
      await poll().then(() => tell(), (error) => tell(reason(error)));
      refresh();
      again();
    }
    again();
    addEventListener("hashchange", refresh);
    return source;
  }

  if (block) mmbench.samples.source = live(block.about);
}
