"use strict";
// Which words of two texts differ: a longest common subsequence of words.
{
  const MOST_WORDS = 1500; // the table of two such texts has two million cells

  /** The words of a text with the white space behind each. */
  const wordsOf = (text) => text.match(/\s*\S+/gu) ?? [];

  /** For each word of ``a`` and of ``b`` whether the other lacks it: ``[[flags of a], [flags of b]]``; null for long texts. */
  function changes(a, b) {
    if (a.length > MOST_WORDS || b.length > MOST_WORDS) return null;
    const [x, y] = [a, b].map((words) => words.map((word) => word.trim()));
    const width = y.length + 1;
    const best = new Uint16Array((x.length + 1) * width);
    for (let i = x.length - 1; i >= 0; i -= 1) {
      for (let j = y.length - 1; j >= 0; j -= 1) {
        const here = i * width + j;
        best[here] = x[i] === y[j] ? best[here + width + 1] + 1 : Math.max(best[here + width], best[here + 1]);
      }
    }
    const flags = [x.map(() => true), y.map(() => true)];
    for (let i = 0, j = 0; i < x.length && j < y.length; ) {
      if (x[i] === y[j]) {
        flags[0][i] = flags[1][j] = false;
        i += 1;
        j += 1;
      } else if (best[(i + 1) * width + j] >= best[i * width + j + 1]) i += 1;
      else j += 1;
    }
    return flags;
  }

  /**
   * Texts side by side as runs of words: for each text a list of ``{text, other}``, where ``other`` says that a word is not in the
   * first text, or, of the first, not in all others. Null where there is nothing to compare or a text is too long.
   */
  function differences(texts) {
    const known = texts.filter((text) => text !== null);
    if (known.length < 2 || known.every((text) => text === known[0])) return null;
    const words = texts.map((text) => (text === null ? null : wordsOf(text)));
    const first = texts.findIndex((text) => text !== null);
    const flags = words.map((each) => (each === null ? null : each.map(() => false)));
    for (let place = first + 1; place < texts.length; place += 1) {
      if (words[place] === null) continue;
      const found = changes(words[first], words[place]);
      if (found === null) return null;
      if (found[1].every(Boolean)) continue; // nothing in common: marks would say nothing
      flags[place] = found[1];
      found[0].forEach((other, word) => (flags[first][word] ||= other));
    }
    return words.map((each, place) => (each === null ? null : grouped(each, flags[place])));
  }

  function grouped(words, flags) {
    const runs = [];
    words.forEach((word, place) => {
      const last = runs[runs.length - 1];
      if (last && last.other === flags[place]) last.text += word;
      else runs.push({ text: word, other: flags[place] });
    });
    return runs;
  }

  mmbench.samples.differences = differences;
}
