// What is wrong with a queue, in words, the worst first. Somebody who was woken by it reads this before anything else.

import { ago, count, duration, percent, plural, since } from './format';
import type { Queue } from './types';

export type Severity = 'bad' | 'warn' | 'note';
export type Kind = 'unreadable' | 'workers' | 'failing' | 'no-workers' | 'late' | 'paused' | 'dead';

export interface Trouble {
  kind: Kind;
  severity: Severity;
  what: string; // a sentence
  why?: string; // as far as the queue's own figures tell
}

/**
 * Jobs that failed and that nobody has seen to. A dead-letter topic keeps its letters until their retention is over, also
 * those that were redriven: where the view of jobs knows better it counts.
 */
export function deadOf(queue: Queue): number {
  return queue.events === false ? (queue.counts.dead ?? 0) : (queue.counts.failed ?? queue.counts.dead ?? 0);
}

const LATE = 5 * 60; // seconds that the oldest job waits, and somebody should look
const VERY_LATE = 30 * 60;
const WAKING = 20; // a queue that was asleep needs so long for its first worker
const SOME_FAIL = 0.01;
const MANY_FAIL = 0.2;

export function troublesOf(queue: Queue, now: number): Trouble[] {
  const found: Trouble[] = [];
  if (queue.trouble)
    found.push({ kind: 'unreadable', severity: 'bad', what: 'Its figures cannot be read', why: queue.trouble });

  const waiting = queue.counts.waiting ?? 0;
  const waited = waiting > 0 ? since(queue.oldestWaitingAt, now) : undefined;
  const scale = queue.scale;
  const hasNone = scale !== undefined && (scale.ready ?? scale.replicas) === 0;

  if (queue.paused) {
    const pause = queue.pauses?.[0];
    const meanwhile = waiting > 0 ? `; ${plural(waiting, 'job waits', 'jobs wait')} meanwhile` : '';
    const by = pause ? ` by ${pause.by || pause.source} ${ago(pause.at, now)}` : '';
    found.push({
      kind: 'paused',
      severity: 'warn',
      what: `Paused${by}${meanwhile}`,
      ...(pause?.reason ? { why: pause.reason } : {}),
    });
  } else if (waiting > 0 && hasNone && waited !== undefined && waited > WAKING) {
    found.push({
      kind: 'no-workers',
      severity: 'bad',
      what: `${plural(waiting, 'job waits', 'jobs wait')} and no worker is ready`,
      ...why(scale.message ?? scale.reason),
    });
  } else if (waited !== undefined && waited > LATE) {
    const full = scale?.max !== undefined && scale.replicas >= scale.max;
    found.push({
      kind: 'late',
      severity: waited > VERY_LATE ? 'bad' : 'warn',
      what: `The oldest job has waited ${duration(Math.floor(waited))}`,
      ...why(
        full
          ? `all ${plural(scale.replicas, 'worker')} that scaling.maxReplicas allows are at work`
          : (scale?.message ?? scale?.reason),
      ),
    });
  }

  // What the operator, or the local runner, has to say: WorkerUnreachable, KeyBlocked and the like.
  const said = scale?.trouble?.[0];
  if (said)
    found.push({
      kind: 'workers',
      severity: 'bad',
      what: said.message || inWords(said.what),
      ...why(said.message ? inWords(said.what) : said.reason),
    });

  const failing = queue.rates?.failureRate ?? 0;
  if (failing >= SOME_FAIL) {
    found.push({
      kind: 'failing',
      severity: failing >= MANY_FAIL ? 'bad' : 'warn',
      what: `${percent(failing)} of its jobs failed in the last 5 min`,
    });
  }
  const dead = deadOf(queue);
  if (dead > 0) found.push({ kind: 'dead', severity: 'note', what: plural(dead, 'dead letter') });
  return found.sort((a, b) => WEIGHT[b.severity] - WEIGHT[a.severity]);
}

const inWords = (name: string) =>
  name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);

function why(text: string | undefined): { why?: string } {
  return text ? { why: text } : {};
}

const WEIGHT: Record<Severity, number> = { bad: 1000, warn: 100, note: 1 };

/** The higher, the sooner somebody should look. 0: all is well. */
export function urgency(troubles: readonly Trouble[], queue: Queue): number {
  const size = Math.log10(1 + (queue.lag ?? 0) + deadOf(queue)); // at most some 10, so it never outweighs
  return troubles.length === 0 ? 0 : troubles.reduce((sum, each) => sum + WEIGHT[each.severity], 0) + size;
}

export interface Judged {
  queue: Queue;
  troubles: Trouble[];
  urgency: number;
}

/** Most urgent first, then those with most to do, then by name. */
export function judge(queues: readonly Queue[], now: number): Judged[] {
  return queues
    .map((queue) => {
      const troubles = troublesOf(queue, now);
      return { queue, troubles, urgency: urgency(troubles, queue) };
    })
    .sort(
      (a, b) =>
        b.urgency - a.urgency || (b.queue.lag ?? 0) - (a.queue.lag ?? 0) || (a.queue.name < b.queue.name ? -1 : 1),
    );
}

/** As judge() does; what is judged as it was before stays the same object. */
export function judgeAgain(before: readonly Judged[], queues: readonly Queue[], now: number): Judged[] {
  const known = new Map(before.map((each) => [each.queue.name, each]));
  return judge(queues, now).map((each) => {
    const old = known.get(each.queue.name);
    return old?.queue === each.queue && JSON.stringify(old.troubles) === JSON.stringify(each.troubles) ? old : each;
  });
}

export function needsAttention(judged: Judged): boolean {
  return judged.troubles.some((each) => each.severity !== 'note');
}

/** One line for the top of the page. */
export function headline(judged: readonly Judged[]): { severity: Severity | 'good'; text: string } {
  const bad = judged.filter((each) => each.troubles.some((trouble) => trouble.severity === 'bad')).length;
  const attention = judged.filter(needsAttention).length;
  const dead = judged.reduce((sum, each) => sum + deadOf(each.queue), 0);
  if (attention > 0) {
    const rest = judged.length - attention;
    return {
      severity: bad > 0 ? 'bad' : 'warn',
      text: `${plural(attention, 'queue needs', 'queues need')} attention${rest > 0 ? `, ${count(rest)} ${rest === 1 ? 'does' : 'do'} not` : ''}`,
    };
  }
  if (dead > 0)
    return {
      severity: 'note',
      text: `All queues run; ${plural(dead, 'dead letter waits', 'dead letters wait')} for a decision`,
    };
  return {
    severity: 'good',
    text: judged.length === 1 ? 'The queue is well' : `All ${count(judged.length)} queues are well`,
  };
}
