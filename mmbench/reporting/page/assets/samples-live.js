"use strict";
// The samples of `mmbench view`: fetched from its server page by page, and again when the runs have changed.
{
  const { Task, placeOf } = mmbench.samples;
  const EVERY_MS = 3000;
  const [block] = mmbench.blocks("live");

  async function fetched(path) {
    const answer = await fetch(path, { cache: "no-store" });
    if (!answer.ok) throw new Error(`the server said ${answer.status}`);
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
    let { stamp } = state;
    let isStale = false; // the leaderboard is part of the page: it is loaded again when somebody looks at it

    async function poll() {
      const next = await fetched("state");
      if (next.stamp === stamp) return;
      const tasks = tasksOf(next);
      if (listeners.size) await placeOf(mmbench.route().path, tasks).task?.load(); // what is shown is replaced at once
      ({ stamp } = next);
      Object.assign(source, { tasks, notes: next.notes });
      isStale = true;
      if (!tasks.length) location.reload(); // the page has another first view then
      else listeners.forEach((listener) => listener());
      refresh();
    }

    function refresh() {
      if (isStale && mmbench.route().view.id !== "samples") location.reload();
    }

    const again = () => setTimeout(() => poll().catch(() => {}).finally(again), EVERY_MS);
    again();
    addEventListener("hashchange", refresh);
    return source;
  }

  if (block) mmbench.samples.source = live(block.about);
}
