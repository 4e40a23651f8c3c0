// One queue: how it does, its jobs, its dead letters, and what can be done about them.
import { useMemo } from 'preact/hooks';
import { get, isMissing, queuePath } from '../api/client';
import { count, duration, percent, plural, rate, short, shortQueue, since } from '../core/format';
import { fillMinutes } from '../core/minutes';
import { queueHref, type QueueTab } from '../core/route';
import { deadOf, troublesOf, type Trouble } from '../core/trouble';
import { STATES, type Operation, type QueueDetail, type Times } from '../core/types';
import { now } from '../live/clock';
import { usePolled } from '../live/polled';
import { route, setQuery } from '../live/router';
import { may } from '../live/session';
import { RunningOperations } from '../ui/bulk';
import { Section, Tile } from '../ui/bits';
import { Chart, type Line } from '../ui/chart';
import { DeadGroups } from '../ui/dead_groups';
import { JobList } from '../ui/job_list';
import { LagPanel } from '../ui/lag_panel';
import { OperationProgress } from '../ui/operation';
import { askClean, askEmpty, askPause, askResume } from '../ui/queue_actions';
import { ScheduleList } from '../ui/schedule_list';
import { Empty, Loading, Problem } from '../ui/states';
import { WorkerList } from '../ui/worker_list';

const WINDOWS: [string, string][] = [
  ['15m', '15 min'],
  ['1h', '1 h'],
  ['6h', '6 h'],
  ['24h', '24 h'],
  ['168h', '7 d'],
];

const TABS: [QueueTab, string][] = [
  ['overview', 'Overview'],
  ['jobs', 'Jobs'],
  ['dead', 'Dead letters'],
  ['schedules', 'Schedules'],
  ['workers', 'Workers'],
  ['operations', 'Operations'],
];

export function QueuePage({ queue: name, tab }: { queue: string; tab: QueueTab }) {
  const asked = route.value.query['window'];
  const window = WINDOWS.some(([value]) => value === asked) ? (asked ?? '1h') : '1h';
  const detail = usePolled(
    `${name} ${window}`,
    (signal) => get<QueueDetail>(queuePath(name, `?window=${window}`), signal),
    2000,
  );
  const queue = detail.value;
  if (!queue) {
    if (detail.error?.status === 404) {
      return (
        <Empty title={`There is no queue ${name}`}>
          It may have been deleted, or your token may not see it. <a href="#/">All queues</a>
        </Empty>
      );
    }
    if (detail.error) return <Problem what={`Queue ${name}`} error={detail.error} again={detail.again} />;
    return <Loading what={name} />;
  }
  const troubles = troublesOf(queue, now.value);
  return (
    <>
      <header class="page-title">
        <h1>{shortQueue(queue.name)}</h1>
        {queue.paused && <span class="badge state-paused">paused</span>}
        <span class="spacer" />
        <Actions queue={queue} />
      </header>
      <Troubles troubles={troubles} queue={queue.name} />
      {detail.error && (
        <div class="banner bad" role="alert">
          {detail.error.message} What you see is from before.
        </div>
      )}
      <nav class="tabs" aria-label={`Parts of ${queue.name}`}>
        {TABS.map(([value, title]) => (
          <a key={value} href={queueHref(queue.name, value)} aria-current={tab === value ? 'page' : undefined}>
            {title}
            {value === 'dead' && deadOf(queue) > 0 && <span class="count">{short(deadOf(queue))}</span>}
          </a>
        ))}
      </nav>
      {tab !== 'operations' && <RunningOperations queue={queue.name} />}
      {tab === 'overview' && <QueueOverview queue={queue} window={window} />}
      {tab === 'jobs' && <JobList queue={queue} />}
      {tab === 'dead' && <DeadGroups queue={queue.name} />}
      {tab === 'schedules' && <ScheduleList queue={queue.name} />}
      {tab === 'workers' && <WorkerList queue={queue.name} scale={queue.scale} />}
      {tab === 'operations' && <Operations queue={queue.name} />}
    </>
  );
}

function Actions({ queue }: { queue: QueueDetail }) {
  const waiting = (queue.counts.waiting ?? 0) + (queue.counts.delayed ?? 0) + (queue.counts.retrying ?? 0);
  return (
    <div class="actions">
      {may('operate', queue.name) &&
        (queue.paused ? (
          <button type="button" class="primary" onClick={() => askResume(queue.name)}>
            Resume…
          </button>
        ) : (
          <button type="button" onClick={() => askPause(queue.name)}>
            Pause…
          </button>
        ))}
      {may('admin', queue.name) && (
        <>
          <button type="button" onClick={() => askClean(queue.name)}>
            Clean…
          </button>
          <button type="button" class="danger" onClick={() => askEmpty(queue.name, waiting)}>
            Empty…
          </button>
        </>
      )}
    </div>
  );
}

function Troubles({ troubles, queue }: { troubles: Trouble[]; queue: string }) {
  const shown = troubles.filter((each) => each.severity !== 'note');
  if (shown.length === 0) return null;
  return (
    <ul class={`banner ${shown[0]?.severity ?? ''}`}>
      {shown.map((each) => (
        <li key={each.kind}>
          <strong>{each.what}</strong>
          {each.why && <>: {each.why}</>}
          {each.kind === 'failing' && (
            <>
              . <a href={queueHref(queue, 'dead')}>See the errors</a>
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function QueueOverview({ queue, window }: { queue: QueueDetail; window: string }) {
  const { figures, scale } = queue;
  const waited =
    (queue.counts.waiting ?? 0) > 0 ? since(queue.oldestWaitingAt ?? queue.oldest?.waiting, now.value) : undefined;
  const troubles = troublesOf(queue, now.value);
  const toneOf = (kind: Trouble['kind']) => troubles.find((each) => each.kind === kind)?.severity;
  const name = WINDOWS.find(([value]) => value === window)?.[1] ?? window;
  return (
    <>
      <div class="tiles">
        <Tile label="Lag" value={short(queue.lag)} hint="jobs not done yet" />
        <Tile
          label="Oldest wait"
          value={waited === undefined ? '–' : duration(Math.floor(waited))}
          tone={toneOf('late') ?? toneOf('no-workers')}
          hint="of a waiting job"
        />
        <Tile
          label="Done"
          value={rate(queue.rates?.completed ?? figures.completed / seconds(window))}
          hint={queue.rates ? 'over 5 min' : `over ${name}`}
        />
        <Tile
          label="Failing"
          value={percent(queue.rates?.failureRate ?? figures.failureRate)}
          tone={toneOf('failing')}
          hint={queue.rates ? 'over 5 min' : `over ${name}`}
          href={queueHref(queue.name, 'dead')}
        />
        <Tile
          label="Workers"
          value={scale ? (scale.ready ?? scale.replicas) : '–'}
          tone={toneOf('no-workers')}
          hint={
            scale
              ? `wanted ${scale.desired ?? scale.replicas}${scale.max !== undefined ? `, ${scale.min ?? 0} to ${scale.max}` : ''}`
              : 'not known here'
          }
          href={queueHref(queue.name, 'workers')}
        />
        <Tile
          label="Dead letters"
          value={short(deadOf(queue))}
          href={queueHref(queue.name, 'dead')}
          hint="failed, not retried"
        />
      </div>
      <nav class="states" aria-label="Jobs by state">
        {STATES.map((state) => (
          <a key={state} class={`state-count state-${state}`} href={queueHref(queue.name, 'jobs', { state })}>
            <b>{count(queue.counts[state] ?? 0)}</b> {state}
          </a>
        ))}
      </nav>
      <div class="window" role="group" aria-label="Time shown">
        {WINDOWS.map(([value, title]) => (
          <button
            key={value}
            type="button"
            class="chip"
            aria-pressed={window === value}
            onClick={() => setQuery({ ...route.value.query, window: value === '1h' ? undefined : value })}
          >
            {title}
          </button>
        ))}
      </div>
      <div class="two-columns even">
        <Section title={window === '168h' ? 'Lag and scaling, 24 h' : 'Lag and scaling'}>
          <LagPanel queue={queue.name} window={window} height={190} most={6} />
        </Section>
        <Section title="Throughput">
          <Throughput queue={queue} />
        </Section>
        <Section title="How long jobs wait and run">
          <Percentiles queue={queue} />
        </Section>
        <Section title="Errors" aside={<a href={queueHref(queue.name, 'dead')}>Dead letters</a>}>
          <Errors queue={queue} />
        </Section>
      </div>
      {queue.spec !== undefined && (
        <details class="panel">
          <summary>Settings</summary>
          <pre class="code">{JSON.stringify(queue.spec, null, 2)}</pre>
        </details>
      )}
    </>
  );
}

function seconds(window: string): number {
  return window.endsWith('h') ? Number(window.slice(0, -1)) * 3600 : Number(window.slice(0, -1)) * 60;
}

function Throughput({ queue }: { queue: QueueDetail }) {
  const { figures } = queue;
  const drawn = useMemo(() => {
    const minutes = fillMinutes(figures.minutes, Date.parse(figures.since), Date.now());
    const lines: Line[] = [
      // The failed ones are drawn over the foot of all that ended.
      {
        label: 'completed',
        color: '--series-done',
        kind: 'bars',
        values: minutes.map((each) => each.completed + each.failed),
        format: count,
      },
      {
        label: 'failed',
        color: '--series-failed',
        kind: 'bars',
        values: minutes.map((each) => each.failed),
        format: count,
      },
      {
        label: 'retried',
        color: '--series-retried',
        kind: 'line',
        values: minutes.map((each) => each.retried),
        format: count,
      },
    ];
    return {
      times: minutes.map((each) => each.at / 1000),
      lines,
      step: minutes.length > 1 ? ((minutes[1]?.at ?? 0) - (minutes[0]?.at ?? 0)) / 60_000 : 1,
    };
  }, [figures.minutes, figures.since]);
  if (figures.completed + figures.failed + figures.retried === 0)
    return <Empty title="Nothing ended in this time">Choose a longer time, or submit a job.</Empty>;
  return (
    <>
      <Chart label={`Jobs of ${queue.name} that ended`} times={drawn.times} lines={drawn.lines} />
      <p class="muted small">
        Per {drawn.step === 1 ? 'minute' : duration(drawn.step * 60)}; {plural(figures.completed, 'job')} completed,{' '}
        {count(figures.failed)} failed, {count(figures.retried)} retried.
      </p>
    </>
  );
}

function Percentiles({ queue: { figures, name } }: { queue: QueueDetail }) {
  const rows: [string, Times][] = [
    ['wait', figures.wait],
    ['run', figures.run],
    ...Object.entries(figures.types ?? {}).map(([type, times]): [string, Times] => [`run of ${type}`, times]),
  ];
  const known = rows.filter(([, times]) => times.count > 0);
  if (known.length === 0) return <Empty title="No job ended in this time" />;
  const most = Math.max(...known.map(([, times]) => times.p99), 0.001);
  return (
    <table class="percentiles">
      <caption class="sr">Times that jobs of {name} waited and ran</caption>
      <thead>
        <tr>
          <th scope="col">Time to</th>
          <th scope="col" class="number">
            half of them
          </th>
          <th scope="col" class="number">
            95 %
          </th>
          <th scope="col" class="number">
            99 %
          </th>
          <th scope="col" class="wide">
            <span class="sr">As bars</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {known.slice(0, 12).map(([what, times]) => (
          <tr key={what}>
            <th scope="row">{what}</th>
            <td class="number">{duration(times.p50)}</td>
            <td class="number">{duration(times.p95)}</td>
            <td class="number">{duration(times.p99)}</td>
            <td class="wide">
              <span class="spread" aria-hidden="true">
                <i style={{ width: `${(100 * times.p99) / most}%` }} />
                <i style={{ width: `${(100 * times.p95) / most}%` }} />
                <i style={{ width: `${(100 * times.p50) / most}%` }} />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Errors({ queue: { figures, name } }: { queue: QueueDetail }) {
  const errors = Object.entries(figures.errors).sort((a, b) => b[1] - a[1]);
  if (errors.length === 0) return <Empty title="No errors in this time" />;
  const most = errors[0]?.[1] ?? 1;
  return (
    <ul class="error-bars">
      {errors.slice(0, 10).map(([error, n]) => (
        <li key={error}>
          <a href={queueHref(name, 'jobs', { error })}>{error}</a>
          <span class="number">{count(n)}</span>
          <i style={{ width: `${(100 * n) / most}%` }} aria-hidden="true" />
        </li>
      ))}
    </ul>
  );
}

function Operations({ queue }: { queue: string }) {
  const found = usePolled(queue, (signal) => get<{ operations: Operation[] }>(queuePath(queue, '/bulk'), signal), 2000);
  if (found.error && !found.value) {
    if (isMissing(found.error))
      return <Empty title="This gateway has no operations on many jobs">A newer one has.</Empty>;
    return <Problem what="The operations" error={found.error} again={found.again} />;
  }
  if (!found.value) return <Loading what="operations" />;
  if (found.value.operations.length === 0) {
    return (
      <Empty title="No operations">
        Retry, cancel or delete many jobs at once from <a href={queueHref(queue, 'jobs')}>Jobs</a> or{' '}
        <a href={queueHref(queue, 'dead')}>Dead letters</a>; how far each is is shown here.
      </Empty>
    );
  }
  return (
    <section class="panel" aria-label="Operations, newest first">
      {found.value.operations.map((each) => (
        <OperationProgress key={each.id} operation={each} />
      ))}
    </section>
  );
}
