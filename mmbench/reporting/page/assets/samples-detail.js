"use strict";
// One sample: what was asked, and what up to three models made of it, side by side.
{
  const { html, useEffect, useRef, useState } = mmbench;
  const { differences, Sign } = mmbench.samples;
  const LONG = 1200;
  const TINY = 128; // an image of so few pixels is shown enlarged, pixel by pixel
  const count = new Intl.NumberFormat("en");

  // --- texts ---

  /** A text of any length: long ones are folded, and what the page leaves out is said with the true length. */
  function Text({ value, words }) {
    const [open, setOpen] = useState(false);
    if (!value) return null;
    const { text, length, ends, between } = value;
    if (text === "") return html`<p class="s-empty">empty</p>`;
    const folded = !open && text.length > LONG;
    const pieces = words && !folded && !ends ? words : null;
    const shown = folded ? text.slice(0, LONG) : text;
    const body = pieces
      ? pieces.map((each) => (each.other ? html`<mark>${each.text}</mark>` : each.text))
      : ends && !folded
        ? [ends[0], html`<span class="s-gap">${between}</span>`, ends[1]]
        : shown;
    return html`<div class="s-text"><pre dir="auto">${body}${folded ? "…" : ""}</pre>
      ${text.length > LONG &&
      html`<button type="button" class="s-fold" aria-expanded=${open} onClick=${() => setOpen(!open)}>
        ${open ? "Show less" : `Show all ${count.format(length ?? text.length)} characters`}
        ${!open && length ? ` (the page holds ${count.format(text.length)})` : ""}
      </button>`}
    </div>`;
  }

  function Labelled({ label, children }) {
    return html`<div class="s-labelled"><p class="s-label">${label}</p>${children}</div>`;
  }

  function Chips({ label, values }) {
    if (!values?.length) return null;
    return html`<${Labelled} label=${label}>
      <ul class="s-chips">${values.map((each) => html`<li><bdi>${each}</bdi></li>`)}</ul>
    <//>`;
  }

  // --- images ---

  /** What stands where an image is not in the page: a grey box with its path. */
  function NoImage({ image, known }) {
    const why = known?.gone ? "The image is gone" : image.kind ? `${image.kind}: not shown` : "This image is not in the page";
    return html`<div class="s-gone" role="img" aria-label=${`${why}: ${image.path ?? image.name}`}>
      <span>${why}</span><bdi>${image.path ?? image.name}</bdi>
    </div>`;
  }

  function Picture({ image, media, zoom, number, count: all }) {
    const known = media?.[image.name];
    const label = all > 1 ? `Image ${number} of ${all}` : "Image";
    const [gone, setGone] = useState(false); // fetched images may be
    const [tiny, setTiny] = useState(false);
    if (!media) return html`<div class="s-gone" role="img" aria-label="Image"></div>`;
    if (!known?.src || gone || image.kind) return html`<${NoImage} image=${image} known=${gone ? { gone } : known} />`;
    return html`<button type="button" class="s-picture" aria-label=${`${label}: enlarge`} onClick=${() => zoom({ known, label, image, tiny })}>
      <img
        src=${known.src}
        alt=${image.path ? `${label}, ${image.path}` : label}
        class=${tiny ? "s-tiny" : ""}
        onLoad=${({ target }) => setTiny(Math.max(target.naturalWidth, target.naturalHeight) <= TINY)}
        onError=${() => setGone(true)}
      />
    </button>`;
  }

  /** An image as large as the window, or at the size of its pixels. */
  function Zoom({ shown, close }) {
    const dialog = useRef(null);
    const [real, setReal] = useState(false);
    useEffect(() => {
      setReal(false);
      if (shown && !dialog.current.open) {
        dialog.current.showModal();
        dialog.current.querySelector("button:last-of-type").focus();
      }
    }, [shown]);
    if (!shown) return null;
    const { known, label, image, tiny } = shown;
    const size = known.size ? `${known.size[0]} × ${known.size[1]} pixels` : "";
    return html`<dialog ref=${dialog} class="s-zoom" aria-label=${label} onClose=${close} onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
      <div class="s-zoom-bar">
        <span><bdi>${image.path ?? label}</bdi> ${size}</span>
        <button type="button" onClick=${() => setReal(!real)} aria-pressed=${real}>${real ? "Fit the window" : "Enlarge further"}</button>
        <button type="button" onClick=${() => dialog.current.close()}>Close</button>
      </div>
      <div class="s-zoom-frame" tabindex="0" role="region" aria-label="The image, which scrolls">
        <img src=${known.full ?? known.src} alt=${label} class=${`${real ? "s-real" : "s-fit"} ${tiny ? "s-tiny" : ""}`} />
      </div>
    </dialog>`;
  }

  // --- what was asked ---

  function Messages({ asked, media }) {
    if (!asked.length) return null;
    const several = asked.length > 1;
    return html`<details class="s-messages">
      <summary>${several ? `The ${asked.length} requests as asked` : "The request as asked"}</summary>
      ${asked.map(
        ({ kind, messages }, number) => html`<div class="s-request">
          ${several && html`<p class="s-label">${number + 1}: ${kind}</p>`}
          ${messages.map(
            ({ role, parts }) => html`<div class="s-message">
              <span class="s-role">${role || kind}</span>
              <pre dir="auto">${parts.map((part) => (part.image ? html`<${Inline} image=${part.image} media=${media} />` : part.text))}</pre>
            </div>`,
          )}
        </div>`,
      )}
    </details>`;
  }

  function Inline({ image, media }) {
    const src = media?.[image.name]?.src;
    const name = image.path ?? image.kind ?? "image";
    return html`<span class="s-inline">${src ? html`<img src=${src} alt=${name} />` : html`⟨${name}⟩`}</span>`;
  }

  function Question({ part, row, media, zoom }) {
    const images = part.images(row);
    const question = part.question(row);
    const slices = Object.entries(part.slices(row));
    const asked = part.asked(row);
    const known = asked.length > 0 || question !== null;
    return html`<div class="s-asked">
      ${images.length > 0 &&
      html`<div class="s-pictures">
        ${images.map((image, place) => html`<${Picture} key=${image.name} ...${{ image, media, zoom, number: place + 1, count: images.length }} />`)}
      </div>`}
      <div class="s-facts">
        ${question && html`<${Labelled} label=${asked.some(({ kind }) => kind === "embed") ? "Text" : "Question"}><${Text} value=${{ text: question }} /><//>`}
        <${Chips} label=${part.references(row).length > 1 ? "References" : "Reference"} values=${part.references(row)} />
        <${Chips} label="Choices" values=${part.choices(row)} />
        <${Chips} label="Slices" values=${slices.map(([name, label]) => `${name}: ${label}`)} />
        ${known && html`<${Messages} asked=${asked} media=${media} />`}
      </div>
    </div>`;
  }

  // --- what the models made of it ---

  const number = (value) => (value === null ? "none" : String(Math.round(value * 10000) / 10000));
  const milliseconds = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value} ms`);

  function Choices({ scores, choices }) {
    const most = Math.max(...scores);
    const least = Math.min(...scores);
    const share = (score) => (most > least ? (score - least) / (most - least) : 1);
    return html`<ol class="s-scores">
      ${scores.map(
        (score, place) => html`<li class=${score === most ? "s-best" : ""}>
          <bdi>${choices?.[place] ?? `choice ${place + 1}`}</bdi><span>${number(score)}</span>
          <span class="s-bar" aria-hidden="true"><span style=${{ width: `${100 * share(score)}%` }}></span></span>
        </li>`,
      )}
    </ol>`;
  }

  function Reply({ reply, words, choices, several, place, why }) {
    const { output, raw, reasoning, choice_scores: scores } = reply;
    const error = reply.error?.text === why?.text ? null : reply.error; // the reason of the score says it already
    const ended = [
      reply.status !== "ok" && reply.status,
      !["stop", "unknown", null].includes(reply.finish_reason) && `finish reason ${reply.finish_reason}`,
    ].filter(Boolean);
    const speed = [
      reply.cached ? "from the cache" : reply.duration_ms !== null && milliseconds(reply.duration_ms) + (reply.batch_size > 1 ? ` for a batch of ${reply.batch_size}` : ""),
      reply.first_token_ms !== null && `first token after ${milliseconds(reply.first_token_ms)}`,
      reply.input_tokens !== null && `${count.format(reply.input_tokens)} tokens in`,
      reply.output_tokens !== null && `${count.format(reply.output_tokens)} out`,
    ].filter(Boolean);
    if (reply.status === "ok" && !output && !scores) {
      return html`<p class="s-speed">${[several ? `request ${place + 1}: an embedding` : "an embedding", ...speed].join(" · ")}</p>`;
    }
    return html`<div class="s-reply">
      ${several && html`<p class="s-label">Request ${place + 1}</p>`}
      ${reasoning && html`<details><summary>Reasoning, ${count.format(reasoning.length ?? reasoning.text.length)} characters</summary><${Text} value=${reasoning} /></details>`}
      ${output && html`<${Labelled} label="Output"><${Text} value=${output} words=${words} /><//>`}
      ${scores && html`<${Labelled} label="Score of each choice"><${Choices} scores=${scores} choices=${choices} /><//>`}
      ${!output && !scores && !reply.error && html`<p class="s-empty">no output</p>`}
      ${raw && html`<details><summary>Raw output</summary><${Text} value=${raw} /></details>`}
      ${error && html`<${Labelled} label="Error"><${Text} value=${error} /><//>`}
      <p class="s-speed">${[...ended, ...speed].join(" · ")}</p>
    </div>`;
  }

  function Answer({ label, found, words, choices }) {
    if (!found) {
      return html`<section class="s-answer s-absent"><h3><bdi>${label}</bdi></h3><p class="s-empty">was not asked this sample</p></section>`;
    }
    const { outcome, values, extracted, why, replies } = found;
    const one = replies.length === 1 ? replies[0].output?.text : null;
    return html`<section class=${`s-answer s-${outcome.name}`}>
      <h3><${Sign} outcome=${outcome} label=${label} /><bdi>${label}</bdi></h3>
      <p class="s-verdict">
        <strong>${outcome.label}</strong>
        ${values.map(([metric, value]) => html`<span class="s-value"><bdi>${metric}</bdi> ${number(value)}</span>`)}
      </p>
      ${extracted && extracted.text !== one && html`<${Labelled} label="Extracted answer"><${Text} value=${extracted} /><//>`}
      ${why && html`<${Labelled} label="Why"><${Text} value=${why} /><//>`}
      ${replies.length === 0 && html`<p class="s-empty">no answer is logged</p>`}
      ${replies.map((reply, place) => html`<${Reply} key=${place} ...${{ reply, place, choices, why, several: replies.length > 1, words: place === 0 ? words : null }} />`)}
    </section>`;
  }

  /** Everything that is known of a sample. */
  function Detail({ task, part, row, models, media, actions }) {
    const [zoomed, zoom] = useState(null);
    const answers = models.map((run) => part.answer(run, row));
    const words = differences(answers.map((each) => each?.replies[0]?.output?.text ?? null));
    const choices = part.choices(row);
    return html`<article class="s-detail" aria-label=${`Sample ${part.id(row)}`}>
      <header>
        <h2><bdi>${part.id(row)}</bdi></h2>
        <div class="s-actions">${actions}</div>
      </header>
      <${Question} ...${{ part, row, media, zoom }} />
      <div class="s-answers" style=${{ "--models": models.length }}>
        ${models.map((run, place) => html`<${Answer} key=${run} label=${task.about.runs[run]} found=${answers[place]} words=${words?.[place]} choices=${choices} />`)}
      </div>
      <${Zoom} shown=${zoomed} close=${() => zoom(null)} />
    </article>`;
  }

  Object.assign(mmbench.samples, { Detail });
}
