// Which queues are in trouble and why, then how all of them do.
import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { count, percent, rate, short, shortQueue, since } from '../core/format';
import { errorName } from '../core/groups';
import { queueHref } from '../core/route';
import { deadOf, headline, type Judged, type Trouble } from '../core/trouble';
import { causes, followCauses } from '../live/causes';
import { judged, link, linkError, names, queues, recentLag, sampledAt } from '../live/queues';
import { route, setQuery } from '../live/router';
import { may } from '../live/session';
import { Age } from '../ui/bits';
import { Spark } from '../ui/chart';
import { LagPanel } from '../ui/lag_panel';
import { askResume } from '../ui/queue_actions';
import { Cell, Head, Rows } from '../ui/rows';
import { Empty, Loading, Problem } from '../ui/states';

const MOST_SHOWN = 6;

export function Overview() {
  useEffect(followCauses, []);
  if (!queues.value) {
    if (link.value === 'broken' && linkError.value) return <Problem what="The queues" error={linkError.value} />;
    return <Loading what="the queues" />;
  }
  if (judged.value.length === 0) {
    return (
      <Empty title="There are no queues yet">
        <p>
          Apply a JobQueue (<code>kubectl apply -f queue.yaml</code>), or run one here:{' '}
          <code>drover run -f queue.yaml</code>. With a token, only the queues of its roles are shown.
        </p>
      </Empty>
    );
  }
  return <Queues />;
}

function Queues() {
  const { severity, text } = headline(judged.value);
  const shown = judged.value.filter((each) => each.troubles.length > 0); // as they are judged: dead letters alone come last
  return (
    <>
      <h1 class={`headline ${severity}`}>
        <i class="dot" aria-hidden="true" />
        {text}
      </h1>
      <div class={shown.length > 0 ? 'two-columns' : ''}>
        {shown.length > 0 && (
          <section class="panel attention" aria-label="Needs attention">
            {shown.slice(0, MOST_SHOWN).map((each) => (
              <Attention key={each.queue.name} judged={each} />
            ))}
            {shown.length > MOST_SHOWN && (
              <p class="muted small">and {count(shown.length - MOST_SHOWN)} more, at the top of the list below</p>
            )}
          </section>
        )}
        <ChartOfOne />
      </div>
      <Table />
    </>
  );
}

function Attention({ judged: { queue, troubles } }: { judged: Judged }) {
  const worst = troubles[0]?.severity ?? 'note';
  const top = causes.value.get(queue.name);
  return (
    <article class={`trouble ${worst}`}>
      <h2>
        <a href={queueHref(queue.name)} data-row>
          {shortQueue(queue.name)}
        </a>
      </h2>
      <ul>
        {troubles.map((trouble) => (
          <li key={trouble.kind}>
            <span class={`what ${trouble.severity}`}>{trouble.what}</span>
            {trouble.why && <span class="why">{trouble.why}</span>}
          </li>
        ))}
        {top && (
          <li class="cause">
            <a href={queueHref(queue.name, 'dead', { error: top.error.class })}>
              {count(top.count)} × {errorName(top.error)}
            </a>
            {top.error.message && <span class="why">{top.error.message}</span>}
          </li>
        )}
      </ul>
      <p class="mend">
        {troubles.map((trouble) => (
          <Mend key={trouble.kind} trouble={trouble} queue={queue.name} />
        ))}
      </p>
    </article>
  );
}

function Mend({ trouble, queue }: { trouble: Trouble; queue: string }) {
  switch (trouble.kind) {
    case 'paused':
      return may('operate', queue) ? (
        <button type="button" onClick={() => askResume(queue)}>
          Resume…
        </button>
      ) : null;
    case 'dead':
      return (
        <a class="button" href={queueHref(queue, 'dead')}>
          Dead letters
        </a>
      );
    case 'no-workers':
    case 'late':
      return (
        <a class="button" href={queueHref(queue, 'workers')}>
          Workers
        </a>
      );
    default:
      return null;
  }
}

function ChartOfOne() {
  const chosen = route.value.query['queue'];
  const auto = useSignal('');
  const known = names.value;
  if (!known.includes(auto.peek())) {
    // The queue in the most trouble, else the one with most to do; kept, so that the chart does not jump about.
    auto.value = judged.peek()[0]?.queue.name ?? '';
  }
  const queue = chosen !== undefined && known.includes(chosen) ? chosen : auto.value;
  return (
    <section class="panel" aria-label="Lag">
      <header class="panel-title">
        <h2>Lag, last hour</h2>
        <Choice names={known} chosen={queue} />
      </header>
      {queue && <LagPanel key={queue} queue={queue} />}
    </section>
  );
}

function Choice({ names, chosen }: { names: string[]; chosen: string }) {
  const options = useMemo(
    () =>
      names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      )),
    [names],
  );
  return (
    <select
      aria-label="Queue whose lag is shown"
      value={chosen}
      onChange={(event) => setQuery({ ...route.value.query, queue: event.currentTarget.value })}
    >
      {options}
    </select>
  );
}

type SortKey = 'urgency' | 'name' | 'lag' | 'active' | 'rate' | 'failing' | 'wait' | 'workers' | 'dead';
const VALUES: Record<SortKey, (each: Judged, now: number) => number | string> = {
  urgency: (each) => each.urgency,
  name: (each) => each.queue.name,
  lag: ({ queue }) => queue.lag ?? 0,
  active: ({ queue }) => queue.counts.active ?? 0,
  rate: ({ queue }) => queue.rates?.completed ?? 0,
  failing: ({ queue }) => queue.rates?.failureRate ?? 0,
  wait: ({ queue }, at) => since(queue.oldestWaitingAt, at) ?? 0,
  workers: ({ queue }) => queue.scale?.replicas ?? 0,
  dead: ({ queue }) => deadOf(queue),
};

function Table() {
  const query = route.value.query;
  const sort = (query['sort'] ?? 'urgency') in VALUES ? ((query['sort'] ?? 'urgency') as SortKey) : 'urgency';
  const filter = (query['find'] ?? '').toLowerCase();
  const rows = useMemo(() => {
    const found = judged.value.filter((each) => each.queue.name.toLowerCase().includes(filter));
    if (sort === 'urgency') return found; // as they come
    const value = VALUES[sort];
    const at = Date.now();
    return found.sort((a, b) => {
      const x = value(a, at);
      const y = value(b, at);
      return typeof x === 'string' ? x.localeCompare(String(y)) : Number(y) - x;
    });
  }, [judged.value, sort, filter]);
  const by = (key: SortKey, name: string, kind = 'number') => (
    <Head kind={kind} sort={sort === key ? (key === 'name' ? 'ascending' : 'descending') : 'none'}>
      <button
        type="button"
        class={`plain sorter ${sort === key ? 'on' : ''}`}
        onClick={() => setQuery({ ...query, sort: sort === key ? undefined : key })}
      >
        {name}
      </button>
    </Head>
  );
  return (
    <section class="panel" aria-label="All queues">
      <header class="panel-title">
        <h2>
          {count(judged.value.length)} {judged.value.length === 1 ? 'queue' : 'queues'}
          {sort === 'urgency' && judged.value.length > 1 && <span class="muted small"> most urgent first</span>}
        </h2>
        <input
          type="search"
          aria-label="Filter queues by name"
          placeholder="Filter by name"
          value={query['find'] ?? ''}
          onInput={(event) => setQuery({ ...query, find: event.currentTarget.value || undefined })}
        />
      </header>
      {rows.length === 0 ? (
        <Empty title={`No queue has “${filter}” in its name`} />
      ) : (
        <Rows
          rows={rows}
          label="Queues"
          columns="queue-columns"
          height={46}
          narrowHeight={88}
          keyOf={(each) => each.queue.name}
          head={
            <>
              {by('name', 'Queue', '')}
              {by('lag', 'Lag')}
              <Head kind="spark-cell">
                <span class="sr">Lag of late</span>
              </Head>
              {by('active', 'Active')}
              {by('rate', 'Done')}
              {by('failing', 'Failing')}
              {by('wait', 'Oldest wait')}
              {by('workers', 'Workers')}
              {by('dead', 'Dead')}
            </>
          }
          render={renderQueue}
        />
      )}
    </section>
  );
}

const renderQueue = (judged: Judged) => <QueueRow judged={judged} />;

function QueueRow({ judged: { queue, troubles } }: { judged: Judged }) {
  const worst = troubles.find((each) => each.severity !== 'note');
  const waits = (queue.counts.waiting ?? 0) > 0 && queue.oldestWaitingAt !== undefined;
  const scale = queue.scale;
  const failing = queue.rates?.failureRate ?? 0;
  const late = troubles.find((each) => each.kind === 'late');
  return (
    <>
      <Cell kind="name">
        <a href={queueHref(queue.name)} data-row title={queue.name}>
          {shortQueue(queue.name)}
        </a>
        <span class={worst ? `sub ${worst.severity}` : 'sub muted'}>
          {worst ? worst.what : queue.events === false ? 'tells no events' : 'well'}
        </span>
      </Cell>
      <Cell kind="number" label="lag">
        {short(queue.lag)}
      </Cell>
      <Cell kind="spark-cell">
        <RecentLag queue={queue.name} />
      </Cell>
      <Cell kind="number" label="active">
        {short(queue.counts.active)}
        {(queue.counts.retrying ?? 0) > 0 && <span class="muted small"> +{short(queue.counts.retrying)} to retry</span>}
      </Cell>
      <Cell kind="number" label="done">
        {rate(queue.rates?.completed)}
      </Cell>
      <Cell kind={`number ${failing >= 0.2 ? 'bad' : failing >= 0.01 ? 'warn' : ''}`} label="failing">
        {percent(queue.rates?.failureRate)}
      </Cell>
      <Cell kind={`number ${late?.severity ?? ''}`} label="oldest">
        {waits ? <Age since={queue.oldestWaitingAt} /> : '–'}
      </Cell>
      <Cell kind="number" label="workers">
        {scale ? (
          <span title={scale.message ?? scale.reason}>
            {scale.ready ?? scale.replicas}
            {scale.desired !== undefined && scale.desired !== (scale.ready ?? scale.replicas) && (
              <span class="info"> → {scale.desired}</span>
            )}
            {scale.max !== undefined && <span class="muted small"> of {scale.max}</span>}
          </span>
        ) : (
          '–'
        )}
      </Cell>
      <Cell kind="number" label="dead">
        {deadOf(queue) > 0 ? <a href={queueHref(queue.name, 'dead')}>{short(deadOf(queue))}</a> : '0'}
      </Cell>
    </>
  );
}

function RecentLag({ queue }: { queue: string }) {
  void sampledAt.value;
  return <Spark values={(recentLag.get(queue) ?? []).map((each) => each.lag)} label={`Lag of ${queue} of late`} />;
}
