import { describe, expect, test } from 'vitest';
import { attemptsOf } from '../src/core/attempts';
import { actionInWords } from '../src/core/audit';
import { applyChanges } from '../src/core/changes';
import { filterInWords, filterOf, narrowed } from '../src/core/filter';
import { ago, clock, count, duration, percent, plural, rate, short, shortId, tick } from '../src/core/format';
import { commonText, errorName, groupByError, mask } from '../src/core/groups';
import { fillMinutes } from '../src/core/minutes';
import { difference, inWords, parseJson } from '../src/core/patch';
import { matches, may } from '../src/core/roles';
import { href, jobHref, parseRoute, queueHref } from '../src/core/route';
import { mergePage, visibleRows } from '../src/core/rows';
import { EventParser } from '../src/core/sse';
import { deadOf, headline, judge, judgeAgain, troublesOf } from '../src/core/trouble';
import type { Job, Me, Queue } from '../src/core/types';

const NOW = Date.parse('2026-03-01T12:00:00.000Z');
const minutesAgo = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();

describe('D3 numbers and times read well', () => {
  test('D3 counts, rates and shares', () => {
    expect([count(1234567), count(undefined), short(9_999), short(12_345), short(1_234_567)]).toEqual([
      '1,234,567',
      '–',
      '9,999',
      '12.3k',
      '1.2M',
    ]);
    expect([rate(0), rate(250), rate(2.5), rate(0.05), rate(0.001)]).toEqual([
      '0/s',
      '250/s',
      '2.5/s',
      '3.0/min',
      '3.6/h',
    ]);
    expect([percent(0), percent(0.0001), percent(0.05), percent(0.123), percent(0.998), percent(1)]).toEqual([
      '0 %',
      '< 0.1 %',
      '5 %',
      '12 %',
      '> 99 %',
      '100 %',
    ]);
    expect([plural(1, 'job'), plural(2, 'job')]).toEqual(['1 job', '2 jobs']);
  });
  test('D3 durations and ages', () => {
    expect([0, 0.0004, 0.25, 1.25, 59.6, 60, 90, 3600, 3 * 3600 + 120, 90_000].map(duration)).toEqual([
      '0 s',
      '< 1 ms',
      '250 ms',
      '1.3 s',
      '1 min',
      '1 min',
      '1 min 30 s',
      '1 h',
      '3 h 2 min',
      '1 d 1 h',
    ]);
    expect([ago(minutesAgo(3), NOW), ago(minutesAgo(-2), NOW), ago(undefined, NOW)]).toEqual([
      '3 min ago',
      'in 2 min',
      '–',
    ]);
    expect(clock(minutesAgo(60 * 24 * 3), NOW)).toMatch(/^2026-02-26 /);
    expect([tick(NOW, 10), tick(NOW, 600), tick(NOW, 86_400)].map((text) => text.length)).toEqual([8, 5, 5]);
    expect(shortId('019ac1d2-1111-7222-8333-444455556666')).toBe('019ac1d2…556666');
  });
});

describe('D3 deep links', () => {
  test.each([
    ['', { page: 'overview' }],
    ['#/queues/default.email', { page: 'queue', queue: 'default.email', tab: 'overview' }],
    [
      '#/queues/default.email/jobs?state=failed',
      { page: 'queue', queue: 'default.email', tab: 'jobs', query: { state: 'failed' } },
    ],
    ['#/jobs/a%2Fb', { page: 'job', id: 'a/b' }],
    ['#/dead', { page: 'dead' }],
    ['#/queues/x/nothing', { page: 'nowhere' }],
    ['#/jobs/%', { page: 'job', id: '%' }],
  ])('D3 %s', (hash, wanted) => expect(parseRoute(hash)).toMatchObject(wanted));
  test('D3 what is linked is what is read', () => {
    expect(parseRoute(queueHref('shop.a b', 'dead', { error: 'X & Y' }))).toMatchObject({
      queue: 'shop.a b',
      tab: 'dead',
      query: { error: 'X & Y' },
    });
    expect(parseRoute(jobHref('1/2?3'))).toMatchObject({ page: 'job', id: '1/2?3' });
    expect(href({ page: 'overview' }, { find: undefined })).toBe('#/');
  });
});

describe('D3 queues in trouble come first', () => {
  const well: Queue = {
    name: 'default.well',
    counts: { waiting: 3, failed: 0 },
    lag: 9999,
    oldestWaitingAt: minutesAgo(0.1),
    rates: { completed: 9, failed: 0, retried: 0, failureRate: 0 },
  };
  const failing: Queue = {
    name: 'default.failing',
    counts: { waiting: 0, failed: 40 },
    lag: 0,
    rates: { completed: 9, failed: 1, retried: 0, failureRate: 0.05 },
  };
  const late: Queue = {
    name: 'default.late',
    counts: { waiting: 10 },
    lag: 10,
    oldestWaitingAt: minutesAgo(40),
    scale: { replicas: 4, ready: 4, desired: 4, min: 0, max: 4 },
  };
  const paused: Queue = {
    name: 'default.paused',
    counts: { waiting: 2 },
    lag: 2,
    paused: true,
    pauses: [{ source: 'gateway', by: 'ann', reason: 'deploying', at: minutesAgo(3) }],
  };
  const asleep: Queue = {
    name: 'default.asleep',
    counts: { waiting: 5 },
    lag: 5,
    oldestWaitingAt: minutesAgo(2),
    scale: { replicas: 0, ready: 0, reason: 'NoNodes', message: 'no node has room' },
  };

  test('D3 the order is by urgency, then by lag', () => {
    expect(judge([well, failing, paused, late, asleep], NOW).map((each) => each.queue.name)).toEqual([
      'default.late',
      'default.asleep',
      'default.failing',
      'default.paused',
      'default.well',
    ]);
  });
  test('D3 each trouble says what and why', () => {
    expect(troublesOf(failing, NOW).map((each) => each.what)).toEqual([
      '5 % of its jobs failed in the last 5 min',
      '40 dead letters',
    ]);
    expect(troublesOf(late, NOW)[0]).toMatchObject({
      severity: 'bad',
      what: 'The oldest job has waited 40 min',
      why: 'all 4 workers that scaling.maxReplicas allows are at work',
    });
    expect(troublesOf(paused, NOW)[0]).toMatchObject({
      what: 'Paused by ann 3 min ago; 2 jobs wait meanwhile',
      why: 'deploying',
    });
    expect(troublesOf(asleep, NOW)[0]).toMatchObject({
      what: '5 jobs wait and no worker is ready',
      why: 'no node has room',
    });
    expect(troublesOf(well, NOW)).toEqual([]);
  });
  test('a queue about which nothing changed stays the same object', () => {
    const before = judge([well, late], NOW);
    const after = judgeAgain(before, [well, { ...late }], NOW);
    expect(after.find((each) => each.queue === well)).toBe(before.find((each) => each.queue === well));
    expect(after).not.toContain(before.find((each) => each.queue === late));
    // Its figures are the same, and it has become late by now.
    const later = judgeAgain(before, [well, late], NOW + 3_600_000);
    expect(later.find((each) => each.queue === late)?.troubles).not.toEqual(
      before.find((each) => each.queue === late)?.troubles,
    );
  });

  test('D3 the headline counts them', () => {
    expect(headline(judge([well, late, failing], NOW))).toEqual({
      severity: 'bad',
      text: '2 queues need attention, 1 does not',
    });
    expect(headline(judge([well], NOW))).toEqual({ severity: 'good', text: 'The queue is well' });
    expect(deadOf({ name: 'x', events: false, counts: { dead: 7, failed: 0 } })).toBe(7);
    expect(deadOf({ name: 'x', events: true, counts: { dead: 7, failed: 2 } })).toBe(2);
  });
});

describe('D3 streams', () => {
  test('D3 what has changed is put to what there was', () => {
    const queue = (name: string, lag: number): Queue => ({ name, counts: {}, lag });
    const old = { at: 'a', queues: [queue('x', 1), queue('y', 2), queue('z', 3)] };
    const now = applyChanges(old, { at: 'b', queues: [queue('y', 5), queue('new', 1)], gone: ['z'] });
    expect(now).toEqual({ at: 'b', queues: [queue('x', 1), queue('y', 5), queue('new', 1)] });
    expect(now.queues[0]).toBe(old.queues[0]);
  });
  test('D3 events are whole however they are cut', () => {
    const text = 'event: queues\r\ndata: {"a":1}\r\n\r\n: still here\n\ndata: x\ndata: y\n\nevent: late\ndata: z';
    const whole = [
      { event: 'queues', data: '{"a":1}' },
      { event: 'message', data: 'x\ny' },
    ];
    for (let size = 1; size <= text.length; ++size) {
      const parser = new EventParser();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
      expect(found).toEqual(whole);
    }
  });
});

describe('D3 edits become patches', () => {
  test('D3 only what changed', () => {
    const old = { to: 'a@b', tags: ['x', 'y'], deep: { 'a/b~c': 1, gone: true } };
    const changed = { to: 'c@d', tags: ['x', 'z'], deep: { 'a/b~c': 2 }, more: null };
    expect(difference(old, changed)).toEqual([
      { op: 'replace', path: '/to', value: 'c@d' },
      { op: 'replace', path: '/tags/1', value: 'z' },
      { op: 'remove', path: '/deep/gone' },
      { op: 'replace', path: '/deep/a~1b~0c', value: 2 },
      { op: 'add', path: '/more', value: null },
    ]);
    expect(difference(old, old)).toEqual([]);
    expect(difference([1], [1, 2])).toEqual([{ op: 'replace', path: '', value: [1, 2] }]);
    expect(inWords({ op: 'replace', path: '/deep/a~1b', value: 2 })).toBe('deep › a/b becomes 2');
  });
  test('D3 numbers that a browser would change are refused', () => {
    expect(parseJson('{"id": 9007199254740993}')).toMatchObject({ ok: false });
    expect(parseJson('{"id": "9007199254740993", "n": -1.5e3}')).toMatchObject({ ok: true });
    expect(parseJson('{')).toMatchObject({ ok: false });
  });
});

describe('D3 dead letters are grouped by error', () => {
  const job = (id: string, message: string, type = 'mail'): Job => ({
    id,
    queue: 'q',
    type,
    state: 'failed',
    run: 0,
    attempt: 3,
    since: minutesAgo(1),
    submittedAt: minutesAgo(2),
    updatedAt: minutesAgo(1),
    error: { class: 'Smtp', status: 550, message },
  });
  test('D3 numbers, ids, addresses and quotes make no difference', () => {
    expect(mask('mailbox of ann@x.org is full at 12:30')).toBe(mask('mailbox of bob@y.com is full at 9:05'));
    const groups = groupByError([
      job('1', "no user 'ann'"),
      job('2', "no user 'bob'"),
      job('3', 'timeout after 30 s', 'push'),
    ]);
    expect(groups.map((each) => [each.count, each.error.message, each.sample])).toEqual([
      [2, 'no user …', ['1', '2']],
      [1, 'timeout after … s', ['3']],
    ]);
    expect(errorName({ class: 'Http550', status: 550 })).toBe('Http550');
    expect(errorName({ class: 'Smtp', status: 550 })).toBe('Smtp 550');
  });
  test('D3 what the messages share finds the group', () => {
    expect(commonText('no user … in …', "no user 'ann' in 12")).toBe('no user');
    expect(commonText('', 'x')).toBe('');
  });
});

describe('D3 the timeline of attempts', () => {
  test('D3 tries, waits and runs', () => {
    const at = (s: number) => new Date(NOW + s * 1000).toISOString();
    const found = attemptsOf([
      { at: at(0), event: 'submitted', run: 0, attempt: 0 },
      { at: at(1), event: 'started', run: 0, attempt: 1, pod: 'a' },
      { at: at(2), event: 'retrying', run: 0, attempt: 1, error: { class: 'X' }, dueAt: at(4), busy: 1 },
      { at: at(5), event: 'failed', run: 0, attempt: 2, error: { class: 'X' }, busy: 0.5 },
      { at: at(9), event: 'submitted', run: 1, attempt: 0 },
    ]);
    expect(found.map((each) => [each.run, each.attempt, each.outcome])).toEqual([
      [0, 1, 'retrying'],
      [0, 2, 'failed'],
      [1, 1, 'waiting'],
    ]);
    expect(found[0]).toMatchObject({ waitingSince: at(0), startedAt: at(1), endedAt: at(2), nextAt: at(4), pod: 'a' });
    expect(found[1]?.startedAt).toBe(at(4.5));
    expect(attemptsOf([])).toEqual([]);
  });
});

describe('D3 long lists', () => {
  const job = (n: number, updatedAt = minutesAgo(1)): Job => ({
    id: `job-${n}`,
    queue: 'q',
    state: 'failed',
    run: 0,
    attempt: 1,
    since: minutesAgo(1),
    submittedAt: new Date(NOW + n).toISOString(),
    updatedAt,
  });
  const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => job(from - i));
  test('D3 only the rows on the screen', () => {
    expect(visibleRows(100, 800, 40, 10_000, 0)).toEqual({ first: 0, end: 18 });
    expect(visibleRows(-4000, 800, 40, 10_000, 0)).toEqual({ first: 100, end: 120 });
    expect(visibleRows(-999_999, 800, 40, 10, 5)).toEqual({ first: 10, end: 10 });
  });
  test('D3 a page that came again takes the place of what it covers', () => {
    const rows = down(9, 0);
    const page = [job(7), job(5, minutesAgo(0))]; // 6 does not fit any more
    const merged = mergePage(rows, page, false, false);
    expect(merged.map((each) => each.id)).toEqual([
      'job-9',
      'job-8',
      'job-7',
      'job-5',
      'job-4',
      'job-3',
      'job-2',
      'job-1',
      'job-0',
    ]);
    expect(merged[2]).toBe(rows[2]); // the same object where nothing changed
    expect(
      mergePage(rows, down(12, 8), true, false)
        .slice(0, 6)
        .map((each) => each.id),
    ).toEqual(['job-12', 'job-11', 'job-10', 'job-9', 'job-8', 'job-7']);
    expect(mergePage(rows, [], true, true)).toEqual([]);
    expect(mergePage(rows, [], false, false)).toEqual(rows);
    expect(mergePage(rows, [job(99)], false, false)).toEqual(rows);
    // Of the same millisecond their order is the gateway's, whatever the ids say.
    const batch = [3, 1, 2, 0].map((n) => ({ ...job(n), submittedAt: minutesAgo(1) }));
    expect(mergePage(batch, batch.slice(1, 3), false, false)).toEqual(batch);
    expect(mergePage(batch, batch.slice(2), false, true)).toEqual(batch);
  });
  test('D3 minutes without jobs are there too', () => {
    const steps = fillMinutes(
      [{ at: minutesAgo(2), completed: 5, failed: 1, cancelled: 0, retried: 2 }],
      NOW - 10 * 60_000,
      NOW,
    );
    expect(steps).toHaveLength(11);
    expect(steps[8]).toMatchObject({ completed: 5, failed: 1 });
    expect(fillMinutes([], NOW - 168 * 3_600_000, NOW).length).toBeLessThan(92);
  });
});

describe('D3 roles are respected', () => {
  const me = (roles: Me['roles']): Me => ({ name: 'x', open: false, roles });
  test('D3 patterns and what a role brings along', () => {
    expect([
      matches('*', 'a.b'),
      matches('shop.*', 'shop.mail'),
      matches('shop.*', 'shopping'),
      matches('a*c*e', 'abcde'),
      matches('ab*ba', 'aba'),
    ]).toEqual([true, true, false, true, false]);
    const operator = me({ 'default.*': ['operate'] });
    expect([
      may(operator, 'view', 'default.x'),
      may(operator, 'submit', 'default.x'),
      may(operator, 'admin', 'default.x'),
      may(operator, 'view', 'other.x'),
    ]).toEqual([true, true, false, false]);
    expect([
      may(me({ '*': ['view'] }), 'operate'),
      may(undefined, 'admin'),
      may({ ...me({}), open: true }, 'admin'),
    ]).toEqual([false, true, true]);
  });
});

describe('D3 filters', () => {
  test('D3 from the address, and in words', () => {
    expect(filterOf({ state: 'failed,nonsense', text: ' x ', window: '1h' })).toEqual({ state: 'failed', text: 'x' });
    expect(filterInWords({ state: 'failed,cancelled', error: 'X' })).toBe('all failed or cancelled jobs with error X');
    expect(narrowed({}, 'retry')).toEqual({ state: 'failed' });
    expect(narrowed({ payload: 'ann' }, 'retry')).toBeUndefined();
    expect(narrowed({ state: 'completed' }, 'retry')).toBeUndefined();
  });
  test('D3 the audit trail in words', () => {
    expect(actionInWords({ action: 'POST /v1/queues/{queue}/pause', status: 200 })).toBe('paused the queue');
    expect(actionInWords({ action: 'POST /v1/jobs/{id}/cancel', status: 202 })).toBe('cancelled the job');
    expect(actionInWords({ action: 'POST /x', status: 200 })).toBe('POST /x');
  });
});
