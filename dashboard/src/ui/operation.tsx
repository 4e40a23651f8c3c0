// How far an operation on many jobs is.
import { ApiError, get, queuePath, send } from '../api/client';
import { count, rate } from '../core/format';
import { filterInWords } from '../core/filter';
import type { Operation } from '../core/types';
import { usePolled } from '../live/polled';
import { may } from '../live/session';
import { Ago } from './bits';
import { attempt } from './toast';

const NAMES: Record<string, string> = {
  retry: 'Retry',
  redrive: 'Retry',
  cancel: 'Cancel',
  delete: 'Delete',
  clean: 'Clean',
};

export function OperationProgress({ operation: given }: { operation: Operation }) {
  const path = queuePath(given.queue, `/bulk/${encodeURIComponent(given.id)}`);
  const polled = usePolled(path, (signal) => get<Operation>(path, signal), given.state === 'running' ? 700 : 0);
  const operation = polled.value ?? given;
  const seen = operation.done + operation.skipped + operation.failed;
  const percent =
    operation.matched > 0 ? Math.min(100, (100 * seen) / operation.matched) : operation.state === 'running' ? 0 : 100;
  return (
    <div class={`operation ${operation.state}`} data-testid="operation" data-state={operation.state}>
      <div class="operation-line">
        <span>
          <strong>{NAMES[operation.action] ?? operation.action}</strong>{' '}
          <span class="muted">{filterInWords(operation.filter ?? {})}</span>
        </span>
        {operation.state === 'running' && may('operate', operation.queue) && (
          <button
            type="button"
            onClick={() =>
              void attempt('It stops after the job in hand', () => send('POST', `${path}/abort`).then(polled.again))
            }
          >
            Stop it
          </button>
        )}
      </div>
      <div
        class="progress"
        role="progressbar"
        aria-label={`${operation.action} of ${count(operation.matched)} jobs`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
      >
        <div class={`bar ${operation.state}`} style={{ width: `${percent}%` }} />
      </div>
      <div class="operation-line small">
        <span>
          {operation.matched === 0 && operation.state === 'running'
            ? 'Counting…'
            : `${count(operation.done)} of ${count(operation.matched)} done`}
          {operation.skipped > 0 && <span class="muted">, {count(operation.skipped)} passed over</span>}
          {operation.failed > 0 && <span class="bad">, {count(operation.failed)} could not be</span>}
        </span>
        <span class="muted">
          {operation.state !== 'running' && `${operation.state} · `}
          {operation.ratePerSecond ? `at most ${rate(operation.ratePerSecond)} · ` : ''}
          {operation.by && `${operation.by} · `}
          <Ago at={operation.endedAt ?? operation.startedAt} />
        </span>
      </div>
      {operation.trouble && <p class="bad small">{operation.trouble}</p>}
      {operation.reason && <p class="muted small">“{operation.reason}”</p>}
      {polled.error instanceof ApiError && <p class="bad small">{polled.error.message}</p>}
    </div>
  );
}
