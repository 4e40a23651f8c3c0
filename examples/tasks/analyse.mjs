// The work of a task: what can be said of a text, stage by stage.

const STOP_WORDS = new Set(`a about after all also an and any are as at be been but by can could did do for from had has have
he her his how if in into is it its just like may more most no not of on one only or other our out over said she should so
some such than that the their them then there these they this to under up upon was we were what when where which who will
with would you your`.split(/\s+/));

export const LONGEST = 100_000; // characters

/** Yields {percent, step, result} after each stage; each result is part of the whole, {...all of them}. */
export function* stages(text) {
  const words = text.toLowerCase().match(/\p{L}[\p{L}'’-]*/gu) ?? [];
  const sentences = text.split(/[.!?…]+/).filter((sentence) => /\p{L}/u.test(sentence));
  const count = { characters: text.length, words: words.length, sentences: sentences.length };
  yield { percent: 30, step: 'counted', result: count };

  const counts = new Map();
  for (const word of words) if (!STOP_WORDS.has(word) && word.length > 2) counts.set(word, (counts.get(word) ?? 0) + 1);
  const ranked = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  yield { percent: 60, step: 'keywords found', result: { keywords: ranked.slice(0, 5).map(([word]) => word) } };

  // Flesch's reading ease, for English: 100 is easy, 0 is hard.
  const syllablesOf = (word) => Math.max(1, (word.replace(/e$/, '').match(/[aeiouy]+/g) ?? []).length);
  const syllables = words.reduce((sum, word) => sum + syllablesOf(word), 0);
  const ease = 206.835 - (1.015 * words.length) / sentences.length - (84.6 * syllables) / words.length;
  yield { percent: 90, step: 'readability measured', result: { readingEase: Math.round(ease) } };
}
