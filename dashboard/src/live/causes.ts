// What most of a troubled queue's failures have in common, to be shown beside the number.

import { effect, signal } from '@preact/signals';
import { errorGroups } from '../api/errors';
import { needsToken } from '../api/client';
import type { ErrorGroup } from '../core/types';
import { paused } from './paused';
import { judged } from './queues';

export const causes = signal<ReadonlyMap<string, ErrorGroup>>(new Map());

const MOST_QUEUES = 8;
const EVERY = 10_000;

/** While the overview is shown. */
export function followCauses(): () => void {
  let timer = 0;
  let stopped = false;
  const turn = async () => {
    const queues = judged
      .peek()
      .filter((each) => each.troubles.some((trouble) => trouble.kind === 'failing' || trouble.kind === 'dead'))
      .slice(0, MOST_QUEUES);
    const found = new Map<string, ErrorGroup>();
    for (const { queue } of queues) {
      if (stopped || paused.peek() || needsToken.peek()) break;
      try {
        const top = (await errorGroups(queue.name, '24h')).groups[0];
        if (top) found.set(queue.name, top);
      } catch {
        const old = causes.peek().get(queue.name); // told again in its next turn; the number stands without it
        if (old) found.set(queue.name, old);
      }
    }
    if (stopped) return;
    if (!paused.peek()) causes.value = found;
    timer = window.setTimeout(turn, EVERY);
  };
  const stopWaiting = effect(() => {
    if (judged.value.length === 0 || timer !== 0) return;
    timer = window.setTimeout(turn, 0);
  });
  return () => {
    stopped = true;
    stopWaiting();
    clearTimeout(timer);
  };
}
