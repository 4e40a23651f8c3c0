// An entry of the audit trail in words; its action is a method and a route.

import type { AuditEntry } from './types';

const WORDS: [RegExp, string][] = [
  [/^POST .*\/pause$/, 'paused the queue'],
  [/^POST .*\/resume$/, 'resumed the queue'],
  [/^POST .*\/empty$/, 'emptied the queue'],
  [/^POST .*\/clean$/, 'cleaned the queue'],
  [/^POST .*\/bulk\/\{\w+\}\/abort$/, 'stopped an operation'],
  [/^POST .*\/bulk$/, 'acted on many jobs'],
  [/^POST .*\/jobs\/\{\w+\}\/retry$/, 'retried the job'],
  [/^POST .*\/jobs\/\{\w+\}\/cancel$/, 'cancelled the job'],
  [/^DELETE .*\/jobs\/\{\w+\}$/, 'deleted the job'],
  [/^PUT .*\/schedules\/\{\w+\}$/, 'saved a schedule'],
  [/^DELETE .*\/schedules\/\{\w+\}$/, 'deleted a schedule'],
];

export function actionInWords(entry: Pick<AuditEntry, 'action' | 'status'>): string {
  if (/\/bulk$/.test(entry.action) && entry.status === 200) return 'looked what an action on many jobs would do';
  return WORDS.find(([pattern]) => pattern.test(entry.action))?.[1] ?? entry.action;
}
