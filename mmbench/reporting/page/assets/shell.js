"use strict";
// The frame of the report: data in the page, the router, and the views, which register themselves.
const html = htm.bind(preact.h);
const views = new Map();
const contents = JSON.parse(document.getElementById("contents").textContent);

// --- data ---

async function inflated(element) {
  const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** The data blocks of a kind, in the order of the page; their text is inflated once, when it is asked for. */
function blocks(kind) {
  return [...document.querySelectorAll("script[data-kind]")]
    .filter((element) => element.dataset.kind === kind)
    .map((element) => {
      let text;
      const block = {
        name: element.dataset.name,
        about: JSON.parse(element.dataset.about),
        text: () => (text ??= inflated(element)),
        json: async () => JSON.parse(await block.text()),
      };
      return block;
    });
}

// --- the router ---

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The hash of a path and a query, in which slashes stay as they are because people read addresses; ``parsed`` reads it back. */
function hashOf(path, query = {}) {
  const search = new URLSearchParams(query).toString().replaceAll("%2F", "/");
  return "#" + encodeURIComponent(path).replaceAll("%2F", "/") + (search && "?" + search);
}

function parsed(hash) {
  const text = hash.slice(1);
  const mark = text.indexOf("?");
  const path = decoded(mark < 0 ? text : text.slice(0, mark));
  return { path, query: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)) };
}

/** The view that a path belongs to: the one of that name, else the samples; for no path the first one. */
function viewOf(path) {
  const shown = available();
  const samples = path ? shown.find((each) => each.id === "samples") : undefined;
  return shown.find((each) => each.id === path) ?? samples ?? shown[0];
}

/** Where the reader is: ``path`` before the question mark of the hash, ``query`` behind it, and the view that they belong to. */
function route() {
  const { path, query } = parsed(location.hash);
  return { path, query, view: viewOf(path) };
}

/** A query with other values for some names: a list stands for as many pairs, an empty text or list for none. */
function amended(query, changes) {
  const next = new URLSearchParams(query);
  for (const [name, values] of Object.entries(changes)) {
    next.delete(name);
    for (const value of [values].flat()) if (value !== "") next.append(name, value);
  }
  return next;
}

/** Change the hash; ``replace`` keeps the browser's history as it is, as for each letter that is typed. */
function go(path, query = {}, { replace = false } = {}) {
  const hash = hashOf(path, query);
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    location.hash = hash;
  }
}

// --- views ---

/** Register a view: ``{title, order, Component, available(contents)}``. */
function view(id, definition) {
  views.set(id, { id, order: 100, available: () => true, ...definition });
}

function available() {
  return [...views.values()].filter((each) => each.available(contents)).sort((a, b) => a.order - b.order);
}

function Nav({ current }) {
  return available().map(
    (each) => html`<a key=${each.id} href=${"#" + each.id} aria-current=${each.id === current ? "page" : undefined}>
      ${each.title}
    </a>`,
  );
}

function draw() {
  const { path, query, view: shown } = route();
  document.getElementById("summary").textContent = contents.summary;
  // The static tables, which are there without a script too, belong to one of the views.
  document.getElementById("tables").hidden = shown.id !== "numbers";
  preact.render(html`<${Nav} current=${shown.id} />`, document.getElementById("views"));
  const props = { contents, path, query, key: shown.id };
  preact.render(html`<${shown.Component} ...${props} />`, document.getElementById("view"));
}

function start() {
  addEventListener("hashchange", draw);
  draw();
}

globalThis.mmbench = { ...preact, ...preactHooks, html, contents, blocks, view, viewOf, hashOf, parsed, route, amended, go, start };
