// Long lists: which rows are on the screen, and how pages of jobs come together.

import type { Job } from './types';

export interface Slice {
  first: number;
  end: number; // one past the last
}

/** `top`: of the list's first row, from the upper edge of the screen; negative once one has scrolled past it. */
export function visibleRows(top: number, screen: number, rowHeight: number, count: number, spare = 10): Slice {
  const first = Math.floor(-top / rowHeight) - spare;
  const end = Math.ceil((screen - top) / rowHeight) + spare;
  const clamp = (n: number) => Math.min(Math.max(n, 0), count);
  return { first: clamp(first), end: clamp(end) };
}

/** Newest submission first, as the gateway lists them. */
export function before(a: Job, b: Job): boolean {
  return a.submittedAt !== b.submittedAt ? a.submittedAt > b.submittedAt : a.id > b.id;
}

/**
 * `page` is what the gateway has now between its first and its last job; `reachesTop`: there is nothing newer than it;
 * `reachesEnd`: nothing older. Jobs in between that it lacks do not fit the filter any more. Rows that are the same stay the
 * same objects.
 */
export function mergePage(rows: readonly Job[], page: readonly Job[], reachesTop: boolean, reachesEnd: boolean): Job[] {
  const first = page[0];
  const last = page[page.length - 1];
  if (!first || !last) return reachesTop && reachesEnd ? [] : [...rows];
  const known = new Map(rows.map((job) => [job.id, job]));
  const fresh = page.map((job) => {
    const old = known.get(job.id);
    return old && old.updatedAt === job.updatedAt && old.progress?.percent === job.progress?.percent ? old : job;
  });
  const inPage = new Set(page.map((job) => job.id));
  const above = reachesTop ? [] : rows.filter((job) => !inPage.has(job.id) && before(job, first));
  const below = reachesEnd ? [] : rows.filter((job) => !inPage.has(job.id) && before(last, job));
  return [...above, ...fresh, ...below];
}
