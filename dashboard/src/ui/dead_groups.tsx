// A queue's failed jobs by their error, and the two things one does about them: redrive, or delete.
import { useState } from 'preact/hooks';
import { ask, jobPath } from '../api/client';
import { errorGroups } from '../api/errors';
import { count, pretty } from '../core/format';
import { commonText, errorName } from '../core/groups';
import { jobHref, queueHref } from '../core/route';
import type { ErrorGroup, Filter } from '../core/types';
import { usePolled } from '../live/polled';
import { route } from '../live/router';
import { may } from '../live/session';
import { Ago, JobLink } from './bits';
import { askBulk, type BulkAction } from './bulk';
import { Empty, Loading, Problem } from './states';

const WINDOWS: [string, string][] = [
  ['1h', 'last hour'],
  ['24h', 'last day'],
  ['168h', 'last week'],
];

export function DeadGroups({ queue, titled }: { queue: string; titled?: boolean }) {
  const [window, setWindow] = useState('168h');
  const found = usePolled(`${queue} ${window}`, (signal) => errorGroups(queue, window, signal), 3000);
  const only = route.value.query['error'];
  const groups = found.value?.groups.filter((each) => only === undefined || titled || each.error.class === only);
  return (
    <section class={titled ? 'dead-queue' : ''} aria-label={`Dead letters of ${queue}`}>
      <header class="panel-title bare">
        {titled ? (
          <h2>
            <a href={queueHref(queue, 'dead')}>{queue}</a>
          </h2>
        ) : (
          <span class="muted">
            {found.value?.ofNewest !== undefined
              ? `Of the newest ${count(found.value.ofNewest)} dead letters, by error.`
              : 'Jobs that failed for good, by error.'}{' '}
            {only !== undefined && <a href={queueHref(queue, 'dead')}>Show all errors</a>}
          </span>
        )}
        {!titled && (
          <select aria-label="Failed in the" value={window} onChange={(event) => setWindow(event.currentTarget.value)}>
            {WINDOWS.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        )}
      </header>
      {found.error && !groups ? (
        <Problem what="The dead letters" error={found.error} again={found.again} />
      ) : !groups ? (
        <Loading what="dead letters" />
      ) : groups.length === 0 ? (
        <Empty title="No dead letters">
          No job of {queue} has failed for good in this time, or all of them were retried.
        </Empty>
      ) : (
        groups.map((group) => (
          <Group
            key={`${group.error.class} ${group.error.status ?? ''} ${group.error.message ?? ''}`}
            queue={queue}
            group={group}
          />
        ))
      )}
    </section>
  );
}

function Group({ queue, group }: { queue: string; group: ErrorGroup }) {
  const [looking, setLooking] = useState(false);
  const types = Object.entries(group.types).filter(([type]) => type !== '');
  const example = group.sample[0];
  return (
    <article class="panel group">
      <div class="group-head">
        <strong class="group-count">{count(group.count)}</strong>
        <div class="group-error">
          <h3>{errorName(group.error)}</h3>
          {(group.error.message || group.example) && (
            <p class="message" title={group.example}>
              {group.error.message || group.example}
            </p>
          )}
          <p class="muted small">
            {types.length > 0 && (
              <>{types.map(([type, n]) => (types.length === 1 ? type : `${type} ${count(n)}`)).join(', ')} · </>
            )}
            first <Ago at={group.first} /> · last <Ago at={group.last} />
          </p>
        </div>
        {may('operate', queue) && (
          <div class="actions">
            <button type="button" class="primary" onClick={() => act(queue, group, 'retry')}>
              Redrive…
            </button>
            <button type="button" class="danger" onClick={() => act(queue, group, 'delete')}>
              Delete…
            </button>
          </div>
        )}
      </div>
      <p class="small examples">
        <span class="muted">For example</span>{' '}
        {group.sample.map((id) => (
          <ExampleLink key={id} id={id} />
        ))}
        <a href={queueHref(queue, 'jobs', { state: 'failed', error: group.error.class })}>List them</a>
      </p>
      {example !== undefined && (
        <details open={looking} onToggle={(event) => setLooking(event.currentTarget.open)}>
          <summary>Payload of one</summary>
          {looking && <Look id={example} />}
        </details>
      )}
    </article>
  );
}

function ExampleLink({ id }: { id: string }) {
  return (
    <span data-example={id}>
      <JobLink id={id} />
    </span>
  );
}

function Look({ id }: { id: string }) {
  const payload = usePolled(id, async (signal) => (await ask(jobPath(id, '/payload'), { signal })).text(), 0);
  if (payload.error) return <Problem what="The payload" error={payload.error} again={payload.again} />;
  if (payload.value === undefined) return <Loading what="the payload" />;
  return (
    <>
      <pre class="code">{pretty(payload.value)}</pre>
      <p class="small">
        <a href={`${jobHref(id)}?edit=1`}>Edit this one and retry it</a>
      </p>
    </>
  );
}

/** The group as a filter: its class, and the longest text that its messages have in common. */
function act(queue: string, group: ErrorGroup, action: BulkAction): void {
  const filter: Filter = { state: 'failed', ...(group.error.class ? { error: group.error.class } : {}) };
  const text = commonText(group.error.message ?? '', group.example ?? '');
  if (text.length >= 4) filter.text = text;
  const example = group.sample[0];
  askBulk({ queue, action, filter, ...(action === 'retry' && example !== undefined ? { example } : {}) });
}
