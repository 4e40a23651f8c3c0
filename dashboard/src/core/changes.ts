// All queues, from those that there were and what has changed since.

import type { Changes, Queue, Queues } from './types';

/** Queues that did not change stay the same objects. */
export function applyChanges(before: Queues, changes: Changes): Queues {
  const all = new Map<string, Queue>(before.queues.map((queue) => [queue.name, queue]));
  for (const queue of changes.queues) all.set(queue.name, queue);
  for (const name of changes.gone ?? []) all.delete(name);
  return { at: changes.at, queues: [...all.values()] };
}
