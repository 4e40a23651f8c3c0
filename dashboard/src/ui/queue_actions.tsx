// What can be done to a whole queue.
import { queuePath, send } from '../api/client';
import { count } from '../core/format';
import { useState } from 'preact/hooks';
import { closeDialog, Confirm, DialogTitle, openDialog, TypeName } from './dialog';
import { attempt } from './toast';

export function askPause(queue: string): void {
  openDialog(
    <Confirm
      title={`Pause ${queue}?`}
      action="Pause"
      askReason
      onConfirm={(reason) =>
        attempt(`${queue} is paused`, () => send('POST', queuePath(queue, '/pause'), reason ? { reason } : {}))
      }
    >
      <p>No more jobs are handed to workers. What runs goes on to its end; new jobs are taken and wait.</p>
    </Confirm>,
  );
}

export function askResume(queue: string): void {
  openDialog(
    <Confirm
      title={`Resume ${queue}?`}
      action="Resume"
      askReason
      onConfirm={(reason) =>
        attempt(`${queue} is resumed`, () => send('POST', queuePath(queue, '/resume'), reason ? { reason } : {}))
      }
    >
      <p>
        This takes back the pause that was set through a gateway. Where the command line or the resource pauses it too,
        it stays paused, and the page says by whom.
      </p>
    </Confirm>,
  );
}

export function askEmpty(queue: string, waiting: number): void {
  openDialog(
    <Confirm
      title={`Empty ${queue}?`}
      action="Drop them all"
      danger
      typeName={queue}
      askReason
      onConfirm={(reason) =>
        attempt(`${queue} is empty`, () => send('POST', queuePath(queue, '/empty'), reason ? { reason } : {}))
      }
    >
      <p>
        All that waits now is dropped and never runs: some {count(waiting)} jobs, those for later and those to be
        retried too. What runs goes on. This cannot be undone.
      </p>
    </Confirm>,
  );
}

const GRACES: [string, string][] = [
  ['1h', 'an hour'],
  ['24h', 'a day'],
  ['168h', 'a week'],
  ['0s', 'any time'],
];

export function askClean(queue: string): void {
  openDialog(<Clean queue={queue} />);
}

function Clean({ queue }: { queue: string }) {
  const [grace, setGrace] = useState('24h');
  const [state, setState] = useState('completed');
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState(false);
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (!typed) return;
        await attempt('It goes on in the background; see Operations', () =>
          send('POST', queuePath(queue, '/clean'), { grace, state, ...(reason ? { reason } : {}) }),
        );
        closeDialog();
      }}
    >
      <DialogTitle>Forget jobs of {queue} that have ended</DialogTitle>
      <p>They are removed from lists and cannot be looked up any more. Nothing that waits or runs is touched.</p>
      <div class="fields">
        <label class="field">
          <span>State</span>
          <select value={state} onChange={(event) => setState(event.currentTarget.value)}>
            <option value="completed">completed</option>
            <option value="failed">failed</option>
            <option value="cancelled">cancelled</option>
          </select>
        </label>
        <label class="field">
          <span>Ended more than … ago</span>
          <select value={grace} onChange={(event) => setGrace(event.currentTarget.value)}>
            {GRACES.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      <label class="field">
        <span>
          Reason <span class="muted">(for the audit trail, optional)</span>
        </span>
        <input type="text" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <TypeName name={queue} onMatch={setTyped} />
      <footer class="dialog-actions">
        <button type="button" onClick={closeDialog}>
          Cancel
        </button>
        <button type="submit" class="danger" disabled={!typed}>
          Forget them
        </button>
      </footer>
    </form>
  );
}
