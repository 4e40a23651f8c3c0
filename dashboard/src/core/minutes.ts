// Figures by minute, without gaps, and in steps so long that a chart has a bar for each.

import type { Minute } from './types';

export interface Step {
  at: number; // ms, its beginning
  completed: number;
  failed: number;
  cancelled: number;
  retried: number;
}

const MINUTE = 60_000;
const STEPS = [1, 5, 15, 60, 180, 360];
const MOST = 90;

export function fillMinutes(minutes: readonly Minute[], from: number, to: number): Step[] {
  const span = Math.max(to - from, MINUTE) / MINUTE;
  const step = MINUTE * (STEPS.find((each) => span / each <= MOST) ?? 720);
  const first = Math.floor(from / step) * step;
  const steps: Step[] = [];
  for (let at = first; at <= to; at += step) steps.push({ at, completed: 0, failed: 0, cancelled: 0, retried: 0 });
  for (const minute of minutes) {
    const into = steps[Math.floor((Date.parse(minute.at) - first) / step)];
    if (!into) continue;
    into.completed += minute.completed;
    into.failed += minute.failed;
    into.cancelled += minute.cancelled;
    into.retried += minute.retried;
  }
  return steps;
}
