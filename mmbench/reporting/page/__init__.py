"""The report as one HTML file that opens from disk: no network, no other file, and a policy that lets nothing else run.

`document` puts a page together from a jinja2 template and the files in ``assets/``. There are two kinds:

- tables alone (`document.tables_html`, what ``--format html`` of ``compare``, ``gate`` and ``show`` writes): static HTML with
  a script that sorts;
- the report (`document.report_html`): views that the browser draws with Preact from the data in the page. The static tables
  are one of its views, and all that is there without JavaScript.

**Views.** ``assets/shell.js`` holds the router and the frame. A view registers itself when its script is read::

    mmbench.view("slices", { title: "Slices", order: 30, available: (contents) => contents.slices.length > 0, Component });

``Component`` is a Preact component with the props ``contents`` (the JSON of `contents.page_contents`), ``path`` (text of the
location's hash before ``?``, decoded) and ``query`` (``URLSearchParams`` of what follows). The hash names the view
(``#slices?task=vqa/scenes``); a hash that names no view belongs to the view ``samples``, so that ``#vqa/scenes/s17?outcome=wrong``
is a permalink of a sample. `mmbench.go(path, query, {replace})` changes it. ``mmbench.html``, ``h`` and the hooks are those of
Preact and htm. Text goes into the page as text nodes only, styles through properties: the policy forbids inline handlers and
inline styles.

**Data.** Small data are JSON in the page. Large data travel as a `document.DataBlock`: gzip in base64 in an inert script element.
``mmbench.blocks(kind)`` lists those of a kind as ``{name, about, json(), text()}``; the last two inflate it in the browser
(``DecompressionStream``) and return a promise. The samples are blocks of the kind ``samples``, one a task, whose ``name`` is the
task and whose ``about`` and content ``assets/samples*.js`` alone read; `document.report_html` takes them as `blocks`.
"""
