// One action on many jobs: what it would touch first, then the action, then how far it is.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiError, ask, get, isMissing, jobPath, queuePath, send } from '../api/client';
import { count, plural, pretty } from '../core/format';
import { filterInWords } from '../core/filter';
import { difference, parseJson, type PatchStep } from '../core/patch';
import type { Filter, Job, Operation } from '../core/types';
import { usePolled } from '../live/polled';
import { JobLink, StateBadge } from './bits';
import { closeDialog, DialogTitle, openDialog, TypeName } from './dialog';
import { OperationProgress } from './operation';
import { PayloadField } from './payload_field';
import { Loading, Problem } from './states';

export type BulkAction = 'retry' | 'cancel' | 'delete';

const VERBS: Record<BulkAction, string> = { retry: 'Retry', cancel: 'Cancel', delete: 'Delete' };
const EXPLAINS: Record<BulkAction, string> = {
  retry: 'Each goes to its queue again, as its next run with all its attempts.',
  cancel: 'They are not run, or not again. What runs is told to stop.',
  delete: 'They are forgotten and cannot be looked up or retried any more.',
};

interface BulkProps {
  queue: string;
  action: BulkAction;
  filter: Filter;
  /** A job of them whose payload can be edited for all; only for a retry. */
  example?: string;
}

export function askBulk(props: BulkProps): void {
  openDialog(<Bulk {...props} />);
}

interface DryRun {
  matched: number;
  sample: Job[];
}

function Bulk({ queue, action, filter, example }: BulkProps) {
  const dry = usePolled(
    JSON.stringify([queue, action, filter]),
    async () => send<DryRun>('POST', queuePath(queue, '/bulk'), { action, filter, dryRun: true }),
    0,
  );
  const [limited, setLimited] = useState(action === 'retry');
  const [rate, setRate] = useState('10');
  const [reason, setReason] = useState('');
  const [edit, setEdit] = useState<PatchStep[] | undefined>(undefined);
  const [editFault, setEditFault] = useState(false);
  const [typed, setTyped] = useState(action === 'retry');
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState('');
  const [operation, setOperation] = useState<Operation | undefined>(undefined);

  if (operation) {
    return (
      <>
        <DialogTitle>
          {VERBS[action]} jobs of {queue}
        </DialogTitle>
        <OperationProgress operation={operation} />
        <p class="muted small">Closing this does not stop it. The queue’s page shows it too, under Operations.</p>
        <footer class="dialog-actions">
          <button type="button" class="primary" onClick={closeDialog}>
            Close
          </button>
        </footer>
      </>
    );
  }

  const perSecond = Number(rate);
  const rateFault = limited && !(Number.isFinite(perSecond) && perSecond > 0);
  const matched = dry.value?.matched;
  const ready = matched !== undefined && matched > 0 && typed && !rateFault && !editFault && !busy;

  const start = async () => {
    setBusy(true);
    setRefused('');
    try {
      const body = {
        action,
        filter,
        dryRun: false,
        ...(limited ? { ratePerSecond: perSecond } : {}),
        ...(edit && edit.length > 0 ? { edit } : {}),
        ...(reason ? { reason } : {}),
      };
      setOperation(await send<Operation>('POST', queuePath(queue, '/bulk'), body));
    } catch (error) {
      setRefused(error instanceof ApiError ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void start();
      }}
    >
      <DialogTitle>
        {VERBS[action]} jobs of {queue}
      </DialogTitle>
      <p>
        {VERBS[action]} {filterInWords(filter)}. {EXPLAINS[action]}
      </p>
      <div class="dry-run" aria-live="polite">
        {dry.error ? (
          isMissing(dry.error) ? (
            <p class="bad">
              This gateway cannot act on many jobs at once. Use the command line: drover dead redrive, or a newer
              gateway.
            </p>
          ) : (
            <Problem what="The dry run" error={dry.error} again={dry.again} />
          )
        ) : !dry.value ? (
          <Loading what="what this would touch" />
        ) : (
          <>
            <p>
              <strong class="big" data-testid="matched">
                {count(dry.value.matched)}
              </strong>{' '}
              {dry.value.matched === 1 ? 'job fits' : 'jobs fit'} now
              {dry.value.matched === 0 ? ': there is nothing to do' : ''}
            </p>
            {dry.value.sample.length > 0 && <Sample jobs={dry.value.sample} />}
          </>
        )}
      </div>
      {action === 'retry' && (
        <div class="field">
          <label class="check">
            <input type="checkbox" checked={limited} onChange={(event) => setLimited(event.currentTarget.checked)} /> At
            most
            <input
              type="number"
              class="rate"
              aria-label="Jobs per second"
              min="0.1"
              step="any"
              value={rate}
              disabled={!limited}
              onInput={(event) => setRate(event.currentTarget.value)}
            />
            jobs a second
          </label>
          <span class="muted small">
            {limited && matched !== undefined && !rateFault
              ? `takes about ${Math.max(1, Math.ceil(matched / perSecond))} s`
              : 'so that what failed before is not overrun again'}
          </span>
        </div>
      )}
      {action === 'retry' && example !== undefined && (
        <EditAll example={example} onEdit={setEdit} onFault={setEditFault} />
      )}
      <label class="field">
        <span>
          Reason <span class="muted">(for the audit trail, optional)</span>
        </span>
        <input type="text" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      {action !== 'retry' && <TypeName name={queue} onMatch={setTyped} />}
      {refused && (
        <p class="bad" role="alert">
          {refused}
        </p>
      )}
      <footer class="dialog-actions">
        <button type="button" onClick={closeDialog}>
          Cancel
        </button>
        <button type="submit" class={action === 'retry' ? 'primary' : 'danger'} disabled={!ready}>
          {busy ? 'Starting…' : matched === undefined ? VERBS[action] : `${VERBS[action]} ${plural(matched, 'job')}`}
        </button>
      </footer>
    </form>
  );
}

function Sample({ jobs }: { jobs: Job[] }) {
  return (
    <details>
      <summary>{jobs.length === 1 ? 'It is this one' : `${jobs.length} of them`}</summary>
      <ul class="sample">
        {jobs.map((job) => (
          <li key={job.id}>
            <JobLink id={job.id} /> <StateBadge state={job.state} />{' '}
            <span class="muted">{job.error?.message ?? job.type ?? ''}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** The payload of one job, edited; what changed is done to all of them. */
function EditAll({
  example,
  onEdit,
  onFault,
}: {
  example: string;
  onEdit: (steps: PatchStep[] | undefined) => void;
  onFault: (fault: boolean) => void;
}) {
  const [open, setOpen] = useState(false);
  const payload = usePolled(
    `${open ? example : ''}`,
    async (signal) => (open ? (await ask(jobPath(example, '/payload'), { signal })).text() : ''),
    0,
  );
  const [text, setText] = useState<string | undefined>(undefined);
  const before = useMemo(() => (payload.value ? parseJson(payload.value) : undefined), [payload.value]);
  const shown = text ?? (payload.value ? pretty(payload.value) : '');
  const after = useMemo(() => parseJson(shown), [shown]);
  const steps = before?.ok && after.ok ? difference(before.value, after.value) : undefined;
  useEffect(() => {
    onEdit(open && text !== undefined ? steps : undefined);
    onFault(open && text !== undefined && !after.ok);
  }, [open, text, payload.value]);
  return (
    <details class="edit-all" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Edit the payload of each first</summary>
      {payload.error ? (
        <Problem what="The payload" error={payload.error} again={payload.again} />
      ) : !payload.value ? (
        <Loading what="the payload of one of them" />
      ) : before && !before.ok ? (
        <p class="muted">The payload cannot be edited here. {before.problem}</p>
      ) : (
        <PayloadField
          label={
            <>
              Payload of job <JobLink id={example} />: what you change in it is changed in each
            </>
          }
          rows={8}
          text={shown}
          onText={setText}
          problem={after.ok ? undefined : after.problem}
          steps={steps}
          stepsLabel="What is changed in each"
        />
      )}
    </details>
  );
}

/** The queue's operations that run, wherever one is on its pages. */
export function RunningOperations({ queue }: { queue: string }) {
  const found = usePolled(queue, (signal) => get<{ operations: Operation[] }>(queuePath(queue, '/bulk'), signal), 2000);
  const running = found.value?.operations.filter((each) => each.state === 'running') ?? [];
  if (running.length === 0) return null;
  return (
    <section class="panel running" aria-label="Running operations">
      {running.map((each) => (
        <OperationProgress key={each.id} operation={each} />
      ))}
    </section>
  );
}
