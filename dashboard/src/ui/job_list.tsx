// The jobs of a queue: found, selected, acted upon. Ten thousand are as smooth as ten.
import { useSignal, useSignalEffect } from '@preact/signals';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { filterInWords, filterOf, narrowed } from '../core/filter';
import { count, duration, plural, shortId } from '../core/format';
import { errorName } from '../core/groups';
import { jobHref } from '../core/route';
import { ENDED, STATES, type Filter, type Job, type Queue } from '../core/types';
import { JobFeed } from '../live/job_feed';
import { paused } from '../live/paused';
import { route, setQuery } from '../live/router';
import { may } from '../live/session';
import { isNarrow } from '../live/theme';
import { Age, Ago, ProgressBar, StateBadge } from './bits';
import { askBulk, type BulkAction } from './bulk';
import { Cell, Head, Rows } from './rows';
import { Empty, Loading, Problem } from './states';

const EVERY = 2000;

export function JobList({ queue }: { queue: Queue }) {
  const filter = filterOf(route.value.query);
  const key = JSON.stringify([queue.name, filter]);
  const feed = useMemo(() => new JobFeed(queue.name, filter), [key]);
  const visible = useRef({ first: 0, end: 40 });
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());

  useEffect(() => {
    setSelected(new Set());
    void feed.more();
    return () => feed.stop();
  }, [feed]);
  const current = useSignal(feed);
  current.value = feed;
  useSignalEffect(() => {
    if (paused.value) return undefined;
    const follows = current.value;
    const timer = setInterval(() => {
      if (!document.hidden) void follows.refresh(visible.current.first, visible.current.end);
    }, EVERY);
    return () => clearInterval(timer);
  });

  const rows = feed.rows.value;
  const acts = may('operate', queue.name);
  const toggle = useCallback(
    (id: string) =>
      setSelected((before) => {
        const next = new Set(before);
        if (!next.delete(id)) next.add(id);
        return next;
      }),
    [],
  );
  const render = useCallback(
    (job: Job, isSelected: boolean) => <JobRow job={job} selected={isSelected} toggle={acts ? toggle : undefined} />,
    [acts],
  );
  return (
    <section class="panel" aria-label={`Jobs of ${queue.name}`}>
      <Filters queue={queue} />
      {acts && (
        <BulkBar
          queue={queue.name}
          filter={filter}
          rows={rows}
          selected={selected}
          clear={() => setSelected(new Set())}
        />
      )}
      {feed.error.value && rows.length === 0 ? (
        <Problem what="The jobs" error={feed.error.value} again={() => void feed.more()} />
      ) : rows.length === 0 && feed.loading.value ? (
        <Loading what="jobs" />
      ) : rows.length === 0 && feed.complete.value ? (
        <Nothing filter={filter} queue={queue} />
      ) : (
        <Rows
          rows={rows}
          label="Jobs"
          columns={acts ? 'job-columns selectable' : 'job-columns'}
          height={40}
          narrowHeight={74}
          keyOf={(job) => job.id}
          isSelected={(job) => selected.has(job.id)}
          onVisible={(slice) => {
            visible.current = slice;
            if (slice.end + 60 >= rows.length) void feed.more();
          }}
          head={
            <>
              {acts && (
                <Head kind="select">
                  <input
                    type="checkbox"
                    aria-label="Select all that are loaded"
                    checked={selected.size > 0 && selected.size === rows.length}
                    onChange={(event) =>
                      setSelected(event.currentTarget.checked ? new Set(rows.map((job) => job.id)) : new Set())
                    }
                  />
                </Head>
              )}
              <Head>State</Head>
              <Head>Job</Head>
              <Head>Type</Head>
              <Head>Detail</Head>
              <Head kind="number">Tries</Head>
              <Head kind="number">Submitted</Head>
              <Head kind="number">Took</Head>
            </>
          }
          render={render}
        />
      )}
      {rows.length > 0 && (
        <p class="muted small list-end">
          {plural(rows.length, 'job')}
          {feed.complete.value ? '' : feed.loading.value ? ', loading more…' : ' so far'}
          {!feed.complete.value && !feed.loading.value && (
            <button type="button" class="plain" onClick={() => void feed.more()}>
              Look further
            </button>
          )}
        </p>
      )}
      {rows.length === 0 && !feed.loading.value && !feed.complete.value && !feed.error.value && (
        <Empty title="None among the newest jobs">
          <button type="button" onClick={() => void feed.more()}>
            Look further back
          </button>
        </Empty>
      )}
    </section>
  );
}

function Nothing({ filter, queue }: { filter: Filter; queue: Queue }) {
  if (queue.events === false) {
    return (
      <Empty title="This queue tells nothing about its jobs">
        Set <code>spec.events: true</code> on the JobQueue; from then on its jobs are listed.
      </Empty>
    );
  }
  const filtered = Object.keys(filter).length > 0;
  return (
    <Empty title={filtered ? 'No job fits' : 'No jobs yet'}>
      {filtered ? (
        <>
          There are no {filterInWords(filter).replace(/^all /, '')}.{' '}
          <button type="button" class="plain" onClick={() => setQuery({})}>
            Show all jobs
          </button>
        </>
      ) : (
        <>
          Submit one: <code>{`curl ${location.origin}/v1/queues/${queue.name}/jobs -d '{"payload": {}}'`}</code>
        </>
      )}
    </Empty>
  );
}

function Filters({ queue }: { queue: Queue }) {
  const query = route.value.query;
  const chosen = new Set((query['state'] ?? '').split(',').filter((each) => each !== ''));
  const set = (name: string, value: string | undefined) => setQuery({ ...query, [name]: value || undefined });
  const more = ['type', 'error', 'label', 'payload', 'from', 'before'].some((name) => query[name]);
  return (
    <div class="filters" role="search" aria-label="Filter jobs">
      <div class="chips" role="group" aria-label="States">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            class={`chip state-${state}`}
            aria-pressed={chosen.has(state)}
            onClick={() => {
              const next = new Set(chosen);
              if (!next.delete(state)) next.add(state);
              set('state', [...next].join(','));
            }}
          >
            {state} <b>{count(queue.counts[state] ?? 0)}</b>
          </button>
        ))}
      </div>
      <Debounced
        name="text"
        label="Search in ids, types, errors and labels"
        placeholder="Search: id, type, error, label"
      />
      <details class="more-filters" open={more}>
        <summary>More</summary>
        <div class="fields">
          <Debounced name="type" label="Type" />
          <Debounced name="error" label="Error class" />
          <Debounced name="label" label="Label" placeholder="name=value" />
          <Debounced name="payload" label="In the payload" />
          <Moment name="from" label="Submitted from" />
          <Moment name="before" label="Submitted before" />
        </div>
      </details>
    </div>
  );
}

/** Takes what is typed once the fingers rest. */
function Debounced({ name, label, placeholder }: { name: string; label: string; placeholder?: string }) {
  const value = route.value.query[name] ?? '';
  const timer = useRef(0);
  const [typed, setTyped] = useState<string | undefined>(undefined);
  useEffect(() => setTyped(undefined), [value]);
  return (
    <label class={placeholder && name === 'text' ? 'search' : 'field'}>
      <span class={name === 'text' ? 'sr' : ''}>{label}</span>
      <input
        type="search"
        placeholder={placeholder}
        value={typed ?? value}
        onInput={(event) => {
          const text = event.currentTarget.value;
          setTyped(text);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(
            () => setQuery({ ...route.value.query, [name]: text.trim() || undefined }),
            250,
          );
        }}
      />
    </label>
  );
}

function Moment({ name, label }: { name: string; label: string }) {
  const value = route.value.query[name];
  const local = value
    ? new Date(Date.parse(value) - new Date(value).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
    : '';
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="datetime-local"
        value={local}
        onChange={(event) => {
          const at = new Date(event.currentTarget.value);
          setQuery({ ...route.value.query, [name]: Number.isNaN(at.getTime()) ? undefined : at.toISOString() });
        }}
      />
    </label>
  );
}

const VERBS: [BulkAction, string][] = [
  ['retry', 'Retry'],
  ['cancel', 'Cancel'],
  ['delete', 'Delete'],
];

function BulkBar({
  queue,
  filter,
  rows,
  selected,
  clear,
}: {
  queue: string;
  filter: Filter;
  rows: Job[];
  selected: ReadonlySet<string>;
  clear: () => void;
}) {
  const some = selected.size > 0;
  return (
    <div class="bulk-bar" role="toolbar" aria-label="Act on jobs">
      <span>
        {some ? (
          <>
            <strong>{count(selected.size)} selected</strong>{' '}
            <button type="button" class="plain" onClick={clear}>
              none
            </button>
          </>
        ) : (
          <span class="muted">With {filterInWords(filter)}:</span>
        )}
      </span>
      {VERBS.map(([action, name]) => {
        const target = some ? narrowed({ ids: [...selected] }, action) : narrowed(filter, action);
        const example = (
          some
            ? rows.find((job) => selected.has(job.id) && job.state === 'failed')
            : rows.find((job) => job.state === 'failed')
        )?.id;
        return (
          <button
            key={action}
            type="button"
            disabled={!target}
            title={target ? undefined : whyNot(filter, name)}
            onClick={() =>
              target &&
              askBulk({ queue, action, filter: target, ...(example && action === 'retry' ? { example } : {}) })
            }
          >
            {some ? name : `${name} all`}…
          </button>
        );
      })}
    </div>
  );
}

function whyNot(filter: Filter, verb: string): string {
  if (filter.payload) return 'Select the jobs: all that have something in their payload are not known';
  return `None of these states can be ${verb === 'Retry' ? 'retried' : verb === 'Cancel' ? 'cancelled' : 'deleted'}`;
}

function JobRow({
  job,
  selected,
  toggle,
}: {
  job: Job;
  selected: boolean;
  toggle: ((id: string) => void) | undefined;
}) {
  return (
    <>
      {toggle && (
        <Cell kind="select">
          <input
            type="checkbox"
            aria-label={`Select job ${job.id}`}
            checked={selected}
            onChange={() => toggle(job.id)}
          />
        </Cell>
      )}
      <Cell>
        <StateBadge state={job.state} />
      </Cell>
      <Cell kind="mono">
        <a href={jobHref(job.id)} title={job.id} data-row>
          {shortId(job.id)}
        </a>
      </Cell>
      <Cell kind="type">{job.type || <span class="muted">–</span>}</Cell>
      <Cell kind="known">
        <Known job={job} />
      </Cell>
      <Cell kind="number" label="tries">
        {job.attempt}
        {job.maxAttempts ? <span class="muted small"> of {job.maxAttempts}</span> : null}
      </Cell>
      <Cell kind="number" label="submitted">
        <Ago at={job.submittedAt} />
      </Cell>
      <Cell kind="number" label="took">
        {job.state === 'active' ? (
          <Age since={job.startedAt ?? job.since} />
        ) : ENDED.has(job.state) || job.state === 'retrying' ? (
          duration(job.busy)
        ) : (
          '–'
        )}
      </Cell>
    </>
  );
}

function Known({ job }: { job: Job }) {
  if (job.state === 'active' && job.progress) {
    return (
      <span class="known-progress">
        <ProgressBar progress={job.progress} label={`Progress of ${job.id}`} />{' '}
        {job.progress.step ?? job.progress.message ?? ''}
      </span>
    );
  }
  if (job.error && job.state !== 'completed') {
    return (
      <span title={job.error.message}>
        <strong>{errorName(job.error)}</strong> <span class="muted">{job.error.message}</span>
      </span>
    );
  }
  if (job.state === 'delayed' && job.dueAt) {
    return (
      <span class="muted">
        due <Ago at={job.dueAt} />
      </span>
    );
  }
  if (job.pod && job.state === 'active') return <span class="muted">on {job.pod}</span>;
  return <span class="muted">{isNarrow.value ? (job.type ?? '') : ''}</span>;
}
