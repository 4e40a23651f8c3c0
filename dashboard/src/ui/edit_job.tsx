// A job's payload, edited: the failed one is retried with it, or a new one submitted.
import { useMemo, useState } from 'preact/hooks';
import { ApiError, isMissing, jobPath, queuePath, send } from '../api/client';
import { pretty } from '../core/format';
import { difference, parseJson } from '../core/patch';
import { jobHref } from '../core/route';
import type { Job } from '../core/types';
import { go } from '../live/router';
import { may } from '../live/session';
import { closeDialog, DialogTitle, openDialog } from './dialog';
import { PayloadField } from './payload_field';
import { say } from './toast';

export interface Payload {
  type: string;
  size: number;
  text?: string; // unless it is none
  key?: string;
}

export function editJob(job: Job, payload: Payload, done: () => void): void {
  if (payload.text !== undefined) openDialog(<Editor job={job} payload={payload} text={payload.text} done={done} />);
}

function Editor({
  job,
  payload,
  text: original,
  done,
}: {
  job: Job;
  payload: Payload;
  text: string;
  done: () => void;
}) {
  const canRetry = job.state === 'failed' && may('operate', job.queue);
  const [how, setHow] = useState<'retry' | 'submit'>(canRetry ? 'retry' : 'submit');
  const [text, setText] = useState(() => pretty(original));
  const [reason, setReason] = useState('');
  const [refused, setRefused] = useState('');
  const [busy, setBusy] = useState(false);
  const before = useMemo(() => parseJson(original), [original]);
  const after = parseJson(text);
  const steps = before.ok && after.ok ? difference(before.value, after.value) : undefined;

  const start = async () => {
    if (!after.ok) return;
    setBusy(true);
    setRefused('');
    try {
      if (how === 'retry') {
        await send('POST', jobPath(job.id, '/retry'), {
          ...(steps && steps.length > 0 ? { edit: steps } : {}),
          ...(reason ? { reason } : {}),
        });
        say('It is in its queue again, with the new payload');
        closeDialog();
        done();
      } else {
        const made = await send<{ id: string }>('POST', queuePath(job.queue, '/jobs'), {
          payload: after.value,
          ...(job.type ? { type: job.type } : {}),
          ...(payload.key ? { key: payload.key } : {}),
          ...(typeof job.labels === 'object' && job.labels !== null ? { labels: job.labels } : {}),
        });
        say('The new job is submitted');
        closeDialog();
        go(jobHref(made.id));
      }
    } catch (error) {
      setRefused(
        isMissing(error)
          ? 'This gateway cannot retry jobs. Submit a new one instead.'
          : error instanceof ApiError
            ? error.message
            : String(error),
      );
      setBusy(false);
    }
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (after.ok && !busy) void start();
      }}
    >
      <DialogTitle>{canRetry ? 'Edit and retry' : 'Edit and resubmit'}</DialogTitle>
      {canRetry && (
        <div class="choices" role="radiogroup" aria-label="What to do with it">
          <label class="check">
            <input type="radio" name="how" checked={how === 'retry'} onChange={() => setHow('retry')} /> Retry this job
            with it
          </label>
          <label class="check">
            <input type="radio" name="how" checked={how === 'submit'} onChange={() => setHow('submit')} /> Submit a new
            job, this one stays as it is
          </label>
        </div>
      )}
      <PayloadField
        label="Payload"
        rows={12}
        text={text}
        onText={setText}
        problem={after.ok ? undefined : after.problem}
        steps={steps}
        stepsLabel="What is changed"
      />
      {how === 'retry' && (
        <label class="field">
          <span>
            Reason <span class="muted">(for the audit trail, optional)</span>
          </span>
          <input type="text" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
      )}
      {refused && (
        <p class="bad" role="alert">
          {refused}
        </p>
      )}
      <footer class="dialog-actions">
        <button type="button" onClick={closeDialog}>
          Cancel
        </button>
        <button type="submit" class="primary" disabled={!after.ok || busy}>
          {how === 'retry' ? 'Retry with it' : 'Submit it'}
        </button>
      </footer>
    </form>
  );
}
