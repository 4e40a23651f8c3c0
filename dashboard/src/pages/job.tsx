// One job: where it stands, what happened to it, what it was given and what it gave back.
import { useSignal, useSignalEffect } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, ask, get, isMissing, jobPath, needsToken, readEvents, send, token } from '../api/client';
import { attemptsOf, type Attempt } from '../core/attempts';
import { bytes, clock, duration, pretty, shortQueue, since } from '../core/format';
import { errorName } from '../core/groups';
import { queueHref } from '../core/route';
import { ENDED, type Job, type LogEntry, type Transition } from '../core/types';
import { now } from '../live/clock';
import { paused } from '../live/paused';
import { usePolled } from '../live/polled';
import { route, setQuery } from '../live/router';
import { may } from '../live/session';
import { Ago, Clock, ProgressBar, Section, StateBadge } from '../ui/bits';
import { Confirm, openDialog } from '../ui/dialog';
import { editJob, type Payload } from '../ui/edit_job';
import { Empty, Loading, Problem } from '../ui/states';
import { attempt } from '../ui/toast';

/** Follows the job's events; where the stream ends before the job has, it is asked for again. */
function useJob(id: string) {
  const job = useSignal<Job | undefined>(undefined);
  const error = useSignal<ApiError | undefined>(undefined);
  const round = useSignal(0);
  useSignalEffect(() => {
    void round.value;
    void token.value;
    if (needsToken.value || (paused.value && job.peek())) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const follow = async () => {
      try {
        job.value = await get<Job>(jobPath(id), abort.signal);
        error.value = undefined;
        if (!ENDED.has(job.value.state)) {
          await readEvents(
            jobPath(id, '/events'),
            (event) => {
              if (event.event === 'state' && !abort.signal.aborted) job.value = JSON.parse(event.data) as Job;
            },
            abort.signal,
          );
        }
      } catch (problem) {
        if (abort.signal.aborted) return;
        error.value =
          problem instanceof ApiError
            ? problem
            : new ApiError(0, 'No answer', 'The connection to the gateway was cut.');
        if (error.value.status === 404 && !job.value) return;
      }
      // Of one that has ended, now and then: somebody may retry it.
      if (!abort.signal.aborted)
        timer = window.setTimeout(follow, job.value && ENDED.has(job.value.state) ? 3000 : 1000);
    };
    void follow();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  });
  return { job: job.value, error: error.value, again: () => (round.value += 1) };
}

/** The gateway gives the record's key in base64; one that is no text is not shown. */
function keyOf(header: string | null): string | undefined {
  if (header === null) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(atob(header), (c) => c.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

async function payloadOf(id: string, signal: AbortSignal): Promise<Payload> {
  const response = await ask(jobPath(id, '/payload'), { signal });
  const content = await response.arrayBuffer();
  const type = response.headers.get('content-type') ?? '';
  const key = keyOf(response.headers.get('drover-key'));
  try {
    return {
      type,
      size: content.byteLength,
      text: new TextDecoder('utf-8', { fatal: true }).decode(content),
      ...(key !== undefined ? { key } : {}),
    };
  } catch {
    return { type, size: content.byteLength };
  }
}

export function JobPage({ id }: { id: string }) {
  const { job, error, again } = useJob(id);
  const changed = job ? `${job.state} ${job.run} ${job.attempt}` : '';
  const history = usePolled(
    `${id} ${changed}`,
    (signal) => get<{ history: Transition[] }>(jobPath(id, '/history'), signal),
    job && ENDED.has(job.state) ? 0 : 2000,
  );
  const logs = usePolled(
    `${id}`,
    (signal) => get<{ logs: LogEntry[] }>(jobPath(id, '/logs'), signal),
    job && ENDED.has(job.state) ? 5000 : 1000,
  );
  const payload = usePolled(id, (signal) => payloadOf(id, signal), 0);
  const [lastHistory, setLastHistory] = useState<Transition[]>([]);
  useEffect(() => {
    if (history.value) setLastHistory(history.value.history);
  }, [history.value]);
  const wantsEdit = route.value.query['edit'] === '1';
  useEffect(() => {
    if (!wantsEdit || !job || !payload.value) return;
    setQuery({});
    editJob(job, payload.value, again);
  }, [wantsEdit, job?.id, payload.value]);

  if (!job) {
    if (error?.status === 404) {
      return (
        <Empty title={`There is no job ${id}`}>
          It ended longer ago than its queue keeps jobs (spec.retention), its queue tells no events (spec.events), or
          your token may not see it.
        </Empty>
      );
    }
    if (error) return <Problem what="The job" error={error} again={again} />;
    return <Loading what="the job" />;
  }
  return (
    <>
      <p class="crumb">
        <a href={queueHref(job.queue)}>{shortQueue(job.queue)}</a> /{' '}
        <a href={queueHref(job.queue, 'jobs', { state: job.state })}>{job.state} jobs</a>
      </p>
      <header class="page-title">
        <h1>
          {job.type || 'Job'} <code class="job-id">{job.id}</code>
        </h1>
        <StateBadge state={job.state} />
        <span class="spacer" />
        <Actions job={job} payload={payload.value} again={again} />
      </header>
      <Now job={job} />
      <dl class="facts">
        <Fact name="Submitted">
          <Clock at={job.submittedAt} />{' '}
          <span class="muted">
            (<Ago at={job.submittedAt} />)
          </span>
        </Fact>
        <Fact name="Tries">
          {job.attempt}
          {job.maxAttempts ? ` of ${job.maxAttempts}` : ''}
          {job.run > 0 && <span class="muted"> in run {job.run + 1}</span>}
        </Fact>
        {job.pod && (
          <Fact name="Worker">
            <code>{job.pod}</code>
          </Fact>
        )}
        {job.busy !== undefined && <Fact name="Last try took">{duration(job.busy)}</Fact>}
        {payload.value?.key !== undefined && (
          <Fact name="Key">
            <code>{payload.value.key}</code>
          </Fact>
        )}
        <Labels labels={job.labels} />
        {job.place && (
          <Fact name="In Kafka">
            <code>
              {job.place.topic}-{job.place.partition}@{job.place.offset}
            </code>
          </Fact>
        )}
      </dl>
      <div class="two-columns even">
        <Section title="What happened">
          {history.error && lastHistory.length === 0 ? (
            <Problem what="The history" error={history.error} again={history.again} />
          ) : (
            <Timeline history={lastHistory} />
          )}
        </Section>
        <div class="stack">
          <Section
            title="Payload"
            aside={
              payload.value && (
                <span class="muted small">
                  {payload.value.type} {bytes(payload.value.size)}
                </span>
              )
            }
          >
            <PayloadView payload={payload.value} error={payload.error} again={payload.again} />
          </Section>
          <Section
            title="Result"
            aside={job.resultType ? <span class="muted small">{job.resultType}</span> : undefined}
          >
            <ResultView job={job} />
          </Section>
        </div>
      </div>
      <Section title="Logs" aside={<span class="muted small">{ENDED.has(job.state) ? '' : 'as they come'}</span>}>
        {logs.error && !logs.value ? (
          <Problem what="The logs" error={logs.error} again={logs.again} />
        ) : (
          <Logs logs={logs.value?.logs ?? []} />
        )}
      </Section>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Labels({ labels }: { labels: Job['labels'] }) {
  if (typeof labels !== 'object' || labels === null) return null;
  return (
    <>
      {Object.entries(labels).map(([name, value]) => (
        <Fact key={name} name={name}>
          {String(value)}
        </Fact>
      ))}
    </>
  );
}

/** The one thing that one wants to know first: how far, when, or why not. */
function Now({ job }: { job: Job }) {
  if (job.state === 'failed' || job.state === 'retrying') {
    return (
      <div class={`banner ${job.state === 'failed' ? 'bad' : 'warn'}`}>
        <strong>{job.error ? errorName(job.error) : 'Failed'}</strong>
        {job.error?.message && <pre class="message">{job.error.message}</pre>}
        {job.state === 'retrying' && (
          <div>
            It is tried again <Ago at={job.dueAt} />
          </div>
        )}
      </div>
    );
  }
  if (job.state === 'active') {
    const { progress, eta } = job;
    const ran = since(job.startedAt ?? job.since, now.value);
    return (
      <div class="banner info now">
        <div class="operation-line">
          <strong>
            {progress?.step ?? 'Running'}
            {progress?.percent !== undefined && ` · ${progress.percent} %`}
          </strong>
          <span>
            for {duration(Math.floor(ran ?? 0))}
            {eta && (
              <>
                {' '}
                · done{' '}
                <span title={`reckoned from ${ETA_BY[eta.by] ?? eta.by}`}>
                  {Date.parse(eta.at) < now.value ? (
                    'any moment'
                  ) : (
                    <>
                      about <Ago at={eta.at} />
                    </>
                  )}
                </span>
              </>
            )}
          </span>
        </div>
        <ProgressBar progress={progress} label="Progress" />
        {progress?.message && <div class="muted">{progress.message}</div>}
      </div>
    );
  }
  if (job.state === 'waiting' || job.state === 'delayed') {
    return (
      <div class="banner info">
        {job.state === 'delayed' ? (
          <>
            <strong>
              Due <Ago at={job.dueAt} />
            </strong>{' '}
            ({clock(job.dueAt, now.value)})
          </>
        ) : (
          <>
            <strong>Waits for a worker</strong> since <Ago at={job.since} />
            {job.eta && (
              <>
                , done about <Ago at={job.eta.at} />
              </>
            )}
          </>
        )}
      </div>
    );
  }
  return null;
}

const ETA_BY: Record<string, string> = {
  progress: 'its progress',
  runTime: 'how long such jobs take',
  position: 'what is before it',
};

function Actions({ job, payload, again }: { job: Job; payload: Payload | undefined; again: () => void }) {
  const operates = may('operate', job.queue);
  const ended = ENDED.has(job.state);
  const retry = () =>
    openDialog(
      <Confirm
        title="Retry this job?"
        action="Retry"
        askReason
        onConfirm={(reason) =>
          attempt('It is in its queue again', () =>
            send('POST', jobPath(job.id, '/retry'), reason ? { reason } : {}),
          ).then(again)
        }
      >
        <p>It goes to {job.queue} again as it is, with all its attempts.</p>
      </Confirm>,
    );
  const cancel = () =>
    openDialog(
      <Confirm
        title="Cancel this job?"
        action="Cancel the job"
        danger
        askReason
        onConfirm={(reason) =>
          attempt('It is being cancelled', () =>
            send('POST', jobPath(job.id, '/cancel'), reason ? { reason } : {}),
          ).then(again)
        }
      >
        <p>
          {job.state === 'active'
            ? 'Its worker is told to stop; whatever it answers, the job is not tried again.'
            : 'It is not run.'}
        </p>
      </Confirm>,
    );
  const remove = () =>
    openDialog(
      <Confirm
        title="Delete this job?"
        action="Delete"
        danger
        typeName={job.id.slice(-6)}
        onConfirm={() => attempt('It is forgotten', () => send('DELETE', jobPath(job.id))).then(again)}
      >
        <p>It is forgotten, with its history, logs and result, and cannot be retried.</p>
      </Confirm>,
    );
  return (
    <div class="actions">
      {operates && job.state === 'failed' && (
        <button type="button" class="primary" onClick={retry}>
          Retry…
        </button>
      )}
      {may('submit', job.queue) && (
        <button
          type="button"
          disabled={payload?.text === undefined}
          title={payload?.text === undefined ? 'The payload is not to be had' : undefined}
          onClick={() => payload && editJob(job, payload, again)}
        >
          {job.state === 'failed' ? 'Edit and retry…' : 'Edit and resubmit…'}
        </button>
      )}
      {operates && !ended && (
        <button type="button" class="danger" onClick={cancel}>
          Cancel…
        </button>
      )}
      {operates && ended && (
        <button type="button" class="danger" onClick={remove}>
          Delete…
        </button>
      )}
    </div>
  );
}

const OUTCOMES: Record<Attempt['outcome'], string> = {
  waiting: 'waits',
  delayed: 'waits for its time',
  running: 'runs',
  retrying: 'failed, is tried again',
  failed: 'failed for good',
  cancelled: 'was cancelled',
  completed: 'completed',
};

function Timeline({ history }: { history: readonly Transition[] }) {
  const attempts = attemptsOf(history);
  if (attempts.length === 0) return <Empty title="Nothing yet" />;
  let run = -1;
  return (
    <ol class="timeline">
      {attempts.map((each) => {
        const newRun = each.run !== run;
        run = each.run;
        return (
          <li key={`${each.run} ${each.attempt} ${each.outcome}`} class={each.outcome}>
            {newRun && each.run > 0 && <div class="run">Run {each.run + 1}: retried by hand</div>}
            <div class="attempt-line">
              <strong>Try {each.attempt}</strong> {OUTCOMES[each.outcome]}
              {each.error && <span class="bad"> {errorName(each.error)}</span>}
            </div>
            {each.error?.message && <div class="message small">{each.error.message}</div>}
            <div class="muted small">
              {each.startedAt ? (
                <Clock at={each.startedAt} />
              ) : each.endedAt ? (
                <Clock at={each.endedAt} />
              ) : (
                <>
                  since <Clock at={each.waitingSince} />
                </>
              )}
              {took(each)}
              {each.pod && <> · {each.pod}</>}
              {each.nextAt && !each.startedAt && (
                <>
                  {' '}
                  · due <Clock at={each.nextAt} />
                </>
              )}
              {each.outcome === 'retrying' && each.nextAt && (
                <>
                  {' '}
                  · next at <Clock at={each.nextAt} />
                </>
              )}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

function took(each: Attempt): string {
  const waited =
    each.waitingSince && each.startedAt
      ? (Date.parse(each.startedAt) - Date.parse(each.waitingSince)) / 1000
      : undefined;
  const ran =
    each.busy ??
    (each.startedAt && each.endedAt ? (Date.parse(each.endedAt) - Date.parse(each.startedAt)) / 1000 : undefined);
  return `${waited !== undefined && waited >= 0.001 ? ` · waited ${duration(waited)}` : ''}${ran !== undefined ? ` · took ${duration(ran)}` : ''}`;
}

function PayloadView({
  payload,
  error,
  again,
}: {
  payload: Payload | undefined;
  error: ApiError | undefined;
  again: () => void;
}) {
  if (error) {
    if (isMissing(error)) return <Empty title="This gateway does not show payloads">A newer one does.</Empty>;
    if (error.status === 404) return <Empty title="It cannot be shown">{error.message}</Empty>;
    return <Problem what="The payload" error={error} again={again} />;
  }
  if (!payload) return <Loading what="the payload" />;
  if (payload.size === 0) return <Empty title="It has none" />;
  if (payload.text === undefined)
    return <Empty title={`${bytes(payload.size)} that are not text`}>drover dead show prints them.</Empty>;
  return (
    <pre class="code" tabIndex={0}>
      {pretty(payload.text)}
    </pre>
  );
}

function ResultView({ job }: { job: Job }) {
  const results = job.intermediateResults ?? [];
  const whole =
    job.resultLeftOut !== undefined ? (
      <Empty title="Too large to be kept">The worker answered {bytes(job.resultLeftOut)}.</Empty>
    ) : job.resultBase64 !== undefined ? (
      <Empty title="Not text">
        <a href={jobPath(job.id, '/result')} download>
          Download
        </a>
      </Empty>
    ) : job.result !== undefined ? (
      <pre class="code" tabIndex={0}>
        {typeof job.result === 'string' ? job.result : JSON.stringify(job.result, null, 2)}
      </pre>
    ) : null;
  if (!whole && results.length === 0)
    return (
      <p class="muted">
        {job.state === 'completed' ? 'It completed without one.' : ENDED.has(job.state) ? 'There is none.' : 'Not yet.'}
      </p>
    );
  return (
    <>
      {whole}
      {results.length > 0 && (
        <details open={!whole}>
          <summary>Intermediate results ({results.length})</summary>
          {results.map((each) => (
            <div key={each.at}>
              <div class="muted small">
                <Clock at={each.at} /> · try {each.attempt}
              </div>
              <pre class="code" tabIndex={0}>
                {JSON.stringify(each.result, null, 2)}
              </pre>
            </div>
          ))}
        </details>
      )}
    </>
  );
}

function Logs({ logs }: { logs: readonly LogEntry[] }) {
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    // Follows what comes, unless somebody has scrolled up to read.
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [logs]);
  if (logs.length === 0) {
    return (
      <p class="muted">
        The worker has logged nothing. It can, while it works: <code>POST $DROVER_SIDECAR/v1/jobs/…/logs</code>
      </p>
    );
  }
  return (
    <pre
      ref={box}
      class="code logs"
      tabIndex={0}
      aria-label="Log lines"
      onScroll={(event) => {
        const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
        atEnd.current = scrollTop + clientHeight > scrollHeight - 30;
      }}
    >
      {logs.map((entry) =>
        entry.lines.split('\n').map((line, i, lines) => (
          <div key={`${entry.at} ${i}`} class={entry.level === 'error' ? 'bad' : entry.level === 'warn' ? 'warn' : ''}>
            <span class="muted">{clock(entry.at, now.value)}</span> {line}
            {i === lines.length - 1 && entry.linesLeftOut ? (
              <span class="muted"> … {entry.linesLeftOut} lines were left out</span>
            ) : null}
          </div>
        )),
      )}
    </pre>
  );
}
