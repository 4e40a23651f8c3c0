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

/**
 * `rows` are in the gateway's order, which its times, in milliseconds, do not tell: so places count, not times. `page` is
 * all that the gateway has now from its first job to its last; `reachesTop`: there is nothing before it; `reachesEnd`:
 * nothing after. Rows in between that it lacks do not fit the filter any more. Rows that are the same stay the same objects.
 */
export function mergePage(rows: readonly Job[], page: readonly Job[], reachesTop: boolean, reachesEnd: boolean): Job[] {
  const places = new Map(rows.map((job, place) => [job.id, place]));
  let first = reachesTop ? 0 : rows.length;
  let end = reachesEnd ? rows.length : 0;
  let known = reachesTop || reachesEnd;
  const fresh = page.map((job) => {
    const place = places.get(job.id);
    const old = place === undefined ? undefined : rows[place];
    if (place === undefined || !old) return job;
    known = true;
    first = Math.min(first, place);
    end = Math.max(end, place + 1);
    return old.updatedAt === job.updatedAt && old.progress?.percent === job.progress?.percent ? old : job;
  });
  if (!known) return [...rows]; // where it belongs cannot be told
  return [...rows.slice(0, first), ...fresh, ...rows.slice(Math.max(first, end))];
}
