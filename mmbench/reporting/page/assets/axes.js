"use strict";
// Scales, ticks and numbers that every drawing of the page shares.

/** About ``count`` round numbers, evenly spaced, of which the first and the last enclose ``low`` and ``high``. */
function ticks(low, high, count = 5) {
  if (!(high > low)) {
    const reach = Math.abs(high) / 2 || 1;
    [low, high] = [low - reach, high + reach];
  }
  const raw = (high - low) / (count - 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) * power;
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, place) => Number(((first + place) * step).toPrecision(12)));
}

/** An axis that shows all ``values`` of a metric within its bounds, and all of the bounds where little of them is left over. */
function axis(values, [low, high] = [null, null], scale = 1, count = 5) {
  const known = values.filter((value) => typeof value === "number" && Number.isFinite(value));
  if (!known.length) return null;
  let [from, to] = [Math.min(...known), Math.max(...known)];
  const bounded = low !== null && high !== null;
  if (bounded && to - from > 0.55 * (high - low)) [from, to] = [low, high];
  let marks = ticks(from * scale, to * scale, count).map((mark) => mark / scale);
  if (bounded) marks = marks.filter((mark) => mark >= low - 1e-9 && mark <= high + 1e-9);
  const ends = [Math.min(from, marks[0] ?? from), Math.max(to, marks.at(-1) ?? to)];
  const width = ends[1] - ends[0] || 1;
  const step = Math.abs((marks[1] ?? 1) - (marks[0] ?? 0)) * scale || 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const isExtreme = digits > 6 || Math.max(...ends.map(Math.abs)) * scale >= 1e7; // too many digits to stand side by side
  const powers = (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toExponential().replace("e+", "e"));
  return {
    marks,
    at: (value) => (100 * (value - ends[0])) / width,
    text: (value) => isExtreme ? powers(value * scale) : (value * scale).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  };
}

const percent = (value) => `${Math.max(0, Math.min(100, value)).toFixed(3)}%`;

Object.assign(mmbench, { ticks, axis, percent });
