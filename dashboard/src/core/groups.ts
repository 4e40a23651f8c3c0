// Failed jobs by their error. The gateway does it (GET /v1/queues/{q}/errors); this is for where it does not yet.

import type { ErrorGroup, Job } from './types';

/** Messages that differ only in numbers, ids, addresses and quoted texts are one. */
export function mask(message: string): string {
  return message
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi, '…')
    .replace(/[\w.+-]+@[\w-]+(\.[\w-]+)+/g, '…')
    .replace(/'[^']*'|"[^"]*"/g, '…')
    .replace(/\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b/gi, '…')
    .replace(/\d+([.,:]\d+)*/g, '…');
}

export function groupByError(jobs: readonly Job[]): ErrorGroup[] {
  const groups = new Map<string, ErrorGroup>();
  for (const job of jobs) {
    const error = job.error ?? { class: 'Unknown' };
    const message = mask(error.message ?? '');
    const key = `${error.class}\n${error.status ?? ''}\n${message}`;
    const at = job.finishedAt ?? job.since;
    let group = groups.get(key);
    if (!group) {
      group = {
        error: { ...error, message },
        example: error.message ?? '',
        count: 0,
        first: at,
        last: at,
        sample: [],
        types: {},
      };
      groups.set(key, group);
    }
    group.count += 1;
    if (at < group.first) group.first = at;
    if (at > group.last) group.last = at;
    if (group.sample.length < 5) group.sample.push(job.id);
    const type = job.type ?? '';
    group.types[type] = (group.types[type] ?? 0) + 1;
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || (a.last < b.last ? 1 : -1));
}

/** The longest text that both have: what a masked message and a real one share finds the whole group. */
export function commonText(a: string, b: string): string {
  let best = '';
  let row = new Array<number>(b.length + 1).fill(0);
  for (let i = 1; i <= a.length; ++i) {
    const next = new Array<number>(b.length + 1).fill(0);
    for (let j = 1; j <= b.length; ++j) {
      if (a[i - 1] !== b[j - 1]) continue;
      const length = (row[j - 1] ?? 0) + 1;
      next[j] = length;
      if (length > best.length) best = a.slice(i - length, i);
    }
    row = next;
  }
  return best.trim();
}

/** "SmtpError 503": class and status, but for classes that say the status themselves. */
export function errorName(error: { class: string; status?: number }): string {
  return error.status && !error.class.includes(String(error.status)) ? `${error.class} ${error.status}` : error.class;
}
