"use strict";
// The list of samples: only the rows in sight are in the document, however many there are.
{
  const { html, useEffect, useLayoutEffect, useRef, useState } = mmbench;
  const { OUTCOMES, at, located } = mmbench.samples;
  const ROW = 68;
  const AROUND = 6;
  const id = (place) => `s-option-${place}`;

  /** The sign of an outcome, which is also read out. */
  function Sign({ outcome, label, score = null }) {
    const name = outcome?.name ?? "absent";
    const text = `${label}: ${outcome?.label ?? "not asked"}${score === null ? "" : ` ${score}`}`;
    return html`<span class=${`s-sign s-${name} ${score === null ? "" : "s-number"}`} title=${text} aria-label=${text} role="img">
      ${score === null ? (outcome?.sign ?? "–") : Number(score.toPrecision(3)).toString()}
    </span>`;
  }

  /** A small image, or a grey box for one that is not in the page. */
  function Small({ images, media }) {
    const [image] = images;
    if (!image) return html`<span class="s-small s-none" aria-hidden="true"></span>`;
    const src = media?.[image.name]?.src;
    const more = images.length > 1 ? html`<span class="s-more">${images.length}</span>` : null;
    if (!src) return html`<span class="s-small s-none" aria-hidden="true">${more}</span>`;
    return html`<span class="s-small"><img src=${src} alt="" loading="lazy" decoding="async" />${more}</span>`;
  }

  function Option({ task, number, place, count, chosen, models, media, open }) {
    const { part, row } = located(task, number);
    const said = part.question(row) || part.references(row)[0] || part.id(row);
    return html`<div
      id=${id(place)}
      role="option"
      class="s-option"
      aria-selected=${chosen}
      aria-setsize=${count}
      aria-posinset=${place + 1}
      style=${{ top: `${place * ROW}px` }}
      onClick=${() => open(place, { focus: true })}
    >
      <${Small} images=${part.images(row)} media=${media} />
      <span class="s-words"><bdi class="s-question">${said}</bdi>${said !== part.id(row) && html`<bdi class="s-id">${part.id(row)}</bdi>`}</span>
      <span class="s-signs">
        ${models.map((run) => {
          const outcome = OUTCOMES[part.outcomes[run][row]];
          const score = outcome?.name === "scored" ? at(part.deciding[run], row) : null; // what no sign could say
          return html`<${Sign} key=${run} ...${{ outcome, score }} label=${task.about.runs[run]} />`;
        })}
      </span>
    </div>`;
  }

  /** The rows in sight of a list of any length, and the one that is open among them. Elements belong to places: a search fills them anew. */
  function List({ task, rows, chosen, models, media, open, label }) {
    const frame = useRef(null);
    const [sight, setSight] = useState({ top: 0, height: 600 });
    const look = () => {
      const { scrollTop: top, clientHeight: height } = frame.current;
      setSight((before) => (before.top === top && before.height === height ? before : { top, height }));
    };
    useLayoutEffect(look, [rows]);
    useEffect(() => {
      const observer = new ResizeObserver(look);
      observer.observe(frame.current);
      return () => observer.disconnect();
    }, []);
    useLayoutEffect(() => {
      const { scrollTop, clientHeight } = frame.current;
      if (chosen < 0 || !clientHeight) return;
      const top = chosen * ROW;
      if (top < scrollTop) frame.current.scrollTop = top;
      else if (top + ROW > scrollTop + clientHeight) frame.current.scrollTop = top + ROW - clientHeight;
    }, [chosen, rows]);
    const first = Math.max(0, Math.floor(sight.top / ROW) - AROUND);
    const last = Math.min(rows.length, Math.ceil((sight.top + sight.height) / ROW) + AROUND);
    const inSight = rows.slice(first, last);
    const isDrawn = chosen >= first && chosen < last;
    return html`<div
      ref=${frame}
      class="s-list"
      role="listbox"
      tabindex="0"
      aria-label=${label}
      aria-activedescendant=${isDrawn ? id(chosen) : undefined}
      style=${{ "--rows": `${Math.max(1, rows.length) * ROW + 2}px` }}
      onScroll=${look}
    >
      <div class="s-length" role="presentation" style=${{ height: `${rows.length * ROW}px` }}>
        ${inSight.map(
          (number, offset) => html`<${Option}
            key=${first + offset}
            ...${{ task, number, models, media, open, place: first + offset, count: rows.length }}
            chosen=${first + offset === chosen}
          />`,
        )}
      </div>
    </div>`;
  }

  Object.assign(mmbench.samples, { List, Sign });
}
