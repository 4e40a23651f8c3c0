// All queues, as the gateway streams them; where it cannot, asked every two seconds.

import { batch, computed, effect, signal } from '@preact/signals';
import { ApiError, get, isMissing, needsToken, readEvents, token } from '../api/client';
import { judgeAgain, type Judged } from '../core/trouble';
import { applyChanges } from '../core/changes';
import type { Changes, Queues } from '../core/types';
import { now } from './clock';
import { paused } from './paused';

export type Link = 'connecting' | 'live' | 'broken';

export const queues = signal<Queues | undefined>(undefined);
export const judged = signal<Judged[]>([]);
export const link = signal<Link>('connecting');
export const linkError = signal<ApiError | undefined>(undefined);

const POLL = 2000;
const SAMPLE = 2000;
const MOST_SAMPLES = 90;
const RETRY = [500, 1000, 2000, 5000];

/** Lag of late by queue, for the small charts; the newest last. */
export const recentLag = new Map<string, { at: number; lag: number }[]>();
export const sampledAt = signal(0);

/** In the order of the alphabet; the same object as long as the same queues are there. */
export const names = signal<string[]>([]);

function take(snapshot: Queues): void {
  const at = Date.now();
  const sample = at - sampledAt.peek() >= SAMPLE;
  for (const queue of snapshot.queues) {
    if (!sample && recentLag.has(queue.name)) continue;
    const samples = recentLag.get(queue.name) ?? [];
    samples.push({ at, lag: queue.lag ?? queue.counts.waiting ?? 0 });
    if (samples.length > MOST_SAMPLES) samples.shift();
    recentLag.set(queue.name, samples);
  }
  const found = snapshot.queues.map((each) => each.name).sort();
  batch(() => {
    now.value = at;
    if (sample) sampledAt.value = at;
    if (found.join() !== names.peek().join()) names.value = found;
    judged.value = judgeAgain(judged.peek(), snapshot.queues, at);
    queues.value = snapshot;
    link.value = 'live';
    linkError.value = undefined;
  });
}

export function queueOf(name: string): Judged | undefined {
  return judged.value.find((each) => each.queue.name === name || each.queue.name === `default.${name}`);
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    });
  });

async function follow(signal: AbortSignal): Promise<void> {
  let streams = true;
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (streams) {
        await readEvents(
          '/v1/events?changes=true',
          (event) => {
            if (signal.aborted) return;
            failures = 0;
            if (event.event === 'queues') take(JSON.parse(event.data) as Queues);
            else if (event.event === 'changes' && queues.value)
              take(applyChanges(queues.value, JSON.parse(event.data) as Changes));
          },
          signal,
        );
        await pause(RETRY[0] ?? 0, signal); // it ended: the gateway stops, or somebody between us had enough
      } else {
        take(await get<Queues>('/v1/queues', signal));
        failures = 0;
        await pause(POLL, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (streams && isMissing(error)) {
        streams = false;
        continue;
      }
      link.value = 'broken';
      linkError.value =
        error instanceof ApiError ? error : new ApiError(0, 'No answer', 'The connection to the gateway was cut.');
      if (needsToken.value) return; // another token begins anew
      await pause(RETRY[Math.min(failures++, RETRY.length - 1)] ?? 0, signal);
    }
  }
}

const hidden = signal(document.hidden);
document.addEventListener('visibilitychange', () => (hidden.value = document.hidden));

// Ages grow though nothing is heard: a queue that was well may be late by now.
const AGE = 5000;
const age = computed(() => Math.floor(now.value / AGE));

/** For the life of the page. */
export function followQueues(): void {
  effect(() => {
    void age.value;
    const snapshot = queues.peek();
    if (snapshot) judged.value = judgeAgain(judged.peek(), snapshot.queues, now.peek());
  });
  effect(() => {
    if (paused.value || hidden.value || needsToken.value) return undefined;
    void token.value; // another token may see other queues
    const abort = new AbortController();
    void follow(abort.signal);
    return () => abort.abort();
  });
}
