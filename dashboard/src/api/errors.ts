// A queue's failed jobs by their error.

import { groupByError } from '../core/groups';
import type { ErrorGroup, Job } from '../core/types';
import { get, isMissing, queuePath, search } from './client';

export interface Groups {
  groups: ErrorGroup[];
  /** The groups are of the newest jobs only, as many as this. */
  ofNewest?: number;
}

const LOOK_AT = 1000;

export async function errorGroups(queue: string, window: string, signal?: AbortSignal): Promise<Groups> {
  try {
    const found = await get<{ groups: ErrorGroup[]; jobs?: number; more?: boolean }>(
      queuePath(queue, `/errors${search({ window })}`),
      signal,
    );
    return { groups: found.groups, ...(found.more && found.jobs !== undefined ? { ofNewest: found.jobs } : {}) };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const page = await get<{ jobs: Job[]; cursor?: string }>(
    queuePath(queue, `/jobs${search({ state: 'failed', limit: LOOK_AT })}`),
    signal,
  );
  return { groups: groupByError(page.jobs), ...(page.cursor !== undefined ? { ofNewest: page.jobs.length } : {}) };
}
