// A job's history as the attempts it had, for its timeline.

import type { JobError, Transition } from './types';

export interface Attempt {
  run: number;
  attempt: number;
  waitingSince?: string;
  startedAt?: string;
  endedAt?: string;
  outcome: 'waiting' | 'delayed' | 'running' | 'retrying' | 'failed' | 'cancelled' | 'completed';
  pod?: string;
  error?: JobError;
  nextAt?: string; // when it is tried again
  busy?: number;
}

const ENDS: ReadonlySet<string> = new Set(['retrying', 'failed', 'cancelled', 'completed']);

export function attemptsOf(history: readonly Transition[]): Attempt[] {
  const attempts: Attempt[] = [];
  let waitingSince: string | undefined;
  let waitingRun = 0;
  let delayed: string | undefined;
  for (const each of history) {
    if (each.event === 'submitted' || each.event === 'waiting') {
      waitingSince = each.at;
      waitingRun = each.run;
      delayed = undefined;
    } else if (each.event === 'delayed') {
      waitingSince = each.at;
      waitingRun = each.run;
      delayed = each.dueAt;
    } else if (each.event === 'started') {
      const attempt = open(attempts, each, waitingSince);
      attempt.startedAt = each.at;
      if (each.pod) attempt.pod = each.pod;
      waitingSince = undefined;
    } else if (ENDS.has(each.event)) {
      const attempt = open(attempts, each, waitingSince);
      attempt.endedAt = each.at;
      attempt.outcome = each.event as Attempt['outcome'];
      if (each.pod) attempt.pod = each.pod;
      if (each.error) attempt.error = each.error;
      if (each.dueAt) attempt.nextAt = each.dueAt;
      if (each.busy !== undefined) {
        attempt.busy = each.busy;
        attempt.startedAt ??= new Date(Date.parse(each.at) - each.busy * 1000).toISOString();
      }
      waitingSince = each.event === 'retrying' ? (each.dueAt ?? each.at) : undefined;
      waitingRun = each.run;
    }
  }
  const last = attempts[attempts.length - 1];
  if (waitingSince !== undefined && last?.outcome !== 'running') {
    attempts.push({
      run: waitingRun,
      attempt: last && last.run === waitingRun ? last.attempt + 1 : 1,
      waitingSince,
      outcome: delayed !== undefined ? 'delayed' : 'waiting',
      ...(delayed !== undefined ? { nextAt: delayed } : {}),
    });
  }
  return attempts;
}

// The attempt that the transition belongs to, made where it is not there.
function open(attempts: Attempt[], of: Transition, waitingSince: string | undefined): Attempt {
  const last = attempts[attempts.length - 1];
  if (last && last.run === of.run && last.attempt === of.attempt && last.endedAt === undefined) return last;
  const made: Attempt = {
    run: of.run,
    attempt: of.attempt,
    outcome: 'running',
    ...(waitingSince ? { waitingSince } : {}),
  };
  attempts.push(made);
  return made;
}
