"""Draw the picture of README: ``python docs/figures/first_run.py RUN… > docs/first-run.svg``.

Every run is a row: the value of each primary metric with its 95 % interval, beside chance (dashed) and prior (dotted).
"""

from __future__ import annotations

import html
import sys

import mmbench

LEFT, WIDTH, ROW, TOP = 150, 300, 26, 46
COLOURS = {"value": "#1f6feb", "text": "#57606a", "line": "#d0d7de"}


def panel(rows, metric, left):
    """One metric: an axis from 0 to 100, and a point with its interval for each run."""
    bottom = TOP + ROW * len(rows)
    at = lambda value: left + value * WIDTH  # noqa: E731
    parts = [f'<text x="{left}" y="18" class="title">{html.escape(metric)}</text>']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path class="grid" d="M{at(tick):.1f} {TOP - 12}V{bottom}"/>')
        parts.append(f'<text x="{at(tick):.1f}" y="{bottom + 18}" class="tick">{tick * 100:.0f}</text>')
    for reference, dash in (("chance", "5 4"), ("prior", "1 3")):
        value = getattr(rows[0], reference)
        if value is not None:
            parts.append(f'<path class="mark" stroke-dasharray="{dash}" d="M{at(value):.1f} {TOP - 12}V{bottom}"/>')
    for place, row in enumerate(rows):
        y = TOP + ROW * place + 4
        low, high = row.interval
        if low is not None and high is not None:
            parts.append(f'<path class="interval" d="M{at(low):.1f} {y}H{at(high):.1f}"/>')
        parts.append(f'<circle class="point" cx="{at(row.value):.1f}" cy="{y}" r="4.5"/>')
    return parts


def draw(paths):
    """The whole picture as SVG."""
    runs = [mmbench.load_run(path) for path in paths]
    rows = {}
    for run in runs:
        for row in run.rows():
            if row.primary:
                rows.setdefault(row.id, []).append(row)
    height = TOP + ROW * len(runs) + 34
    width = LEFT + (WIDTH + 50) * len(rows)
    text, line, value = COLOURS["text"], COLOURS["line"], COLOURS["value"]
    style = (
        f"text{{font:13px system-ui,sans-serif;fill:{text}}}.title{{font-weight:600}}.name{{text-anchor:end}}"
        f".tick{{text-anchor:middle;font-size:11px}}.grid{{stroke:{line}}}.mark{{stroke:{text}}}path{{fill:none}}"
        f".interval{{stroke:{value};stroke-width:3}}.point{{fill:{value}}}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<style>{style}</style><rect width='100%' height='100%' fill='white'/>",
    ]
    for place, run in enumerate(runs):
        y = TOP + ROW * place + 8
        parts.append(f'<text x="{LEFT - 16}" y="{y}" class="name">{html.escape(run.model.name)}</text>')
    for place, (metric, of_metric) in enumerate(rows.items()):
        parts += panel(of_metric, metric, LEFT + (WIDTH + 50) * place)
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    sys.stdout.write(draw(sys.argv[1:]))
