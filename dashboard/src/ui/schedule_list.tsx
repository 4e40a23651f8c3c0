// Cron schedules: when they run next, what they ran last, and how they are made and changed.
import { useState } from 'preact/hooks';
import { ApiError, get, queuePath, send } from '../api/client';
import { clock, count } from '../core/format';
import { parseJson } from '../core/patch';
import type { Schedule } from '../core/types';
import { now } from '../live/clock';
import { usePolled } from '../live/polled';
import { may } from '../live/session';
import { Ago, JobLink } from './bits';
import { closeDialog, Confirm, DialogTitle, openDialog } from './dialog';
import { Empty, Loading, Problem } from './states';
import { attempt, say } from './toast';

export function ScheduleList({ queue, titled }: { queue: string; titled?: boolean }) {
  const found = usePolled(
    queue,
    (signal) => get<{ schedules: Schedule[] }>(queuePath(queue, '/schedules'), signal),
    4000,
  );
  const changes = may('operate', queue);
  const again = () => void found.again();
  if (found.error && !found.value)
    return <Problem what={`The schedules of ${queue}`} error={found.error} again={found.again} />;
  if (!found.value) return <Loading what={`schedules of ${queue}`} />;
  const { schedules } = found.value;
  if (titled && schedules.length === 0) return null;
  return (
    <section class="panel" aria-label={`Schedules of ${queue}`}>
      <header class="panel-title">
        <h2>{titled ? queue : 'Schedules'}</h2>
        {changes && (
          <button type="button" onClick={() => editSchedule(queue, undefined, again)}>
            New schedule…
          </button>
        )}
      </header>
      {schedules.length === 0 ? (
        <Empty title="No schedules">
          A schedule submits a job of this queue again and again, as its cron expression says.
        </Empty>
      ) : (
        <div class="table-scroll" tabIndex={0} role="region" aria-label={`Table of schedules of ${queue}`}>
          <table class="plain-table cards">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Cron</th>
                <th scope="col">Next</th>
                <th scope="col">Last</th>
                <th scope="col" class="number">
                  Runs
                </th>
                {changes && (
                  <th scope="col">
                    <span class="sr">Actions</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {schedules.map((each) => (
                <Row key={each.name} schedule={each} queue={queue} changes={changes} again={again} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({
  schedule,
  queue,
  changes,
  again,
}: {
  schedule: Schedule;
  queue: string;
  changes: boolean;
  again: () => void;
}) {
  const path = queuePath(queue, `/schedules/${encodeURIComponent(schedule.name)}`);
  const next = schedule.nextRuns?.[0];
  return (
    <tr>
      <th scope="row">
        {schedule.name}
        {schedule.trouble && <div class="bad small">{schedule.trouble}</div>}
      </th>
      <td>
        <code>{schedule.cron}</code>
        <div class="muted small">{schedule.timeZone ?? 'UTC'}</div>
      </td>
      <td data-label={schedule.paused ? undefined : 'Next'}>
        {schedule.paused ? (
          <span class="badge state-paused">paused</span>
        ) : next ? (
          <>
            <Ago at={next} />
            <div class="muted small" title={schedule.nextRuns?.map((at) => clock(at, now.value)).join('\n')}>
              {clock(next, now.value)}
            </div>
          </>
        ) : (
          <span class="muted">never</span>
        )}
      </td>
      <td data-label="Last">
        {schedule.lastRun ? (
          <>
            <Ago at={schedule.lastRun.at ?? schedule.lastRun.planned} />
            {schedule.lastRun.job && (
              <div class="small">
                <JobLink id={schedule.lastRun.job} />
              </div>
            )}
          </>
        ) : (
          <span class="muted">not yet</span>
        )}
      </td>
      <td class="number" data-label="Runs">
        {count(schedule.runs ?? 0)}
      </td>
      {changes && (
        <td class="actions">
          <button
            type="button"
            onClick={() =>
              void attempt(schedule.paused ? `${schedule.name} goes on` : `${schedule.name} is paused`, () =>
                send('PUT', path, { ...bodyOf(schedule), paused: !schedule.paused }),
              ).then(again)
            }
          >
            {schedule.paused ? 'Resume' : 'Pause'}
          </button>
          <button type="button" onClick={() => editSchedule(queue, schedule, again)}>
            Edit…
          </button>
          <button
            type="button"
            class="danger"
            onClick={() =>
              openDialog(
                <Confirm
                  title={`Delete schedule ${schedule.name}?`}
                  action="Delete"
                  danger
                  typeName={schedule.name}
                  onConfirm={() => attempt(`${schedule.name} is deleted`, () => send('DELETE', path)).then(again)}
                >
                  <p>It submits no more jobs. Those that it has submitted stay.</p>
                </Confirm>,
              )
            }
          >
            Delete…
          </button>
        </td>
      )}
    </tr>
  );
}

function bodyOf(schedule: Schedule): Record<string, unknown> {
  const { cron, timeZone, missedRuns, catchUpLimit, paused, job } = schedule;
  return {
    cron,
    ...(timeZone ? { timeZone } : {}),
    ...(missedRuns ? { missedRuns } : {}),
    ...(catchUpLimit !== undefined ? { catchUpLimit } : {}),
    ...(paused ? { paused } : {}),
    job,
  };
}

function editSchedule(queue: string, schedule: Schedule | undefined, done: () => void): void {
  openDialog(<Editor queue={queue} schedule={schedule} done={done} />);
}

function Editor({ queue, schedule, done }: { queue: string; schedule: Schedule | undefined; done: () => void }) {
  const [name, setName] = useState(schedule?.name ?? '');
  const [cron, setCron] = useState(schedule?.cron ?? '0 6 * * *');
  const [zone, setZone] = useState(
    schedule ? (schedule.timeZone ?? '') : Intl.DateTimeFormat().resolvedOptions().timeZone,
  );
  const [missed, setMissed] = useState(schedule?.missedRuns ?? 'runOnce');
  const [job, setJob] = useState(JSON.stringify(schedule?.job ?? { type: '', payload: {} }, null, 2));
  const [refused, setRefused] = useState('');
  const parsed = parseJson(job);
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (!parsed.ok) return;
        const body = {
          ...(schedule ? bodyOf(schedule) : {}),
          cron,
          missedRuns: missed,
          job: withoutEmptyType(parsed.value),
        } as Record<string, unknown>;
        if (zone.trim() === '') delete body['timeZone'];
        else body['timeZone'] = zone.trim();
        if (missed !== 'catchUp') delete body['catchUpLimit'];
        try {
          await send('PUT', queuePath(queue, `/schedules/${encodeURIComponent(name.trim())}`), body);
          say(`Schedule ${name.trim()} is saved`);
          closeDialog();
          done();
        } catch (error) {
          setRefused(error instanceof ApiError ? error.message : String(error));
        }
      }}
    >
      <DialogTitle>{schedule ? `Schedule ${schedule.name}` : `New schedule of ${queue}`}</DialogTitle>
      {!schedule && (
        <label class="field">
          <span>Name</span>
          <input
            type="text"
            required
            pattern="[a-z0-9]([a-z0-9\-]{0,60}[a-z0-9])?"
            title="small letters, digits and hyphens"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
      )}
      <div class="fields">
        <label class="field">
          <span>Cron</span>
          <input
            type="text"
            class="mono"
            required
            value={cron}
            onInput={(event) => setCron(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Time zone</span>
          <input type="text" placeholder="UTC" value={zone} onInput={(event) => setZone(event.currentTarget.value)} />
        </label>
        <label class="field">
          <span>Runs that were missed</span>
          <select value={missed} onChange={(event) => setMissed(event.currentTarget.value)}>
            <option value="runOnce">run once</option>
            <option value="skip">skip</option>
            <option value="catchUp">catch up each</option>
          </select>
        </label>
      </div>
      <p class="muted small">
        minute hour day month weekday; six fields have the second first; @hourly, @daily and the like go too.
      </p>
      <label class="field">
        <span>Job, as it is submitted</span>
        <textarea
          class="mono"
          rows={8}
          spellcheck={false}
          value={job}
          onInput={(event) => setJob(event.currentTarget.value)}
        />
      </label>
      {!parsed.ok && <p class="bad">{parsed.problem}</p>}
      {refused && (
        <p class="bad" role="alert">
          {refused}
        </p>
      )}
      <footer class="dialog-actions">
        <button type="button" onClick={closeDialog}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={!parsed.ok}>
          Save
        </button>
      </footer>
    </form>
  );
}

function withoutEmptyType(job: unknown): unknown {
  if (typeof job !== 'object' || job === null || Array.isArray(job)) return job;
  const { type, ...rest } = job as Record<string, unknown>;
  return type === '' || type === undefined ? rest : { type, ...rest };
}
