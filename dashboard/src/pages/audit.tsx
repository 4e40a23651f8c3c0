// Who changed what, newest first.
import { useEffect, useState } from 'preact/hooks';
import { ApiError, get, search } from '../api/client';
import { actionInWords } from '../core/audit';
import { queueHref } from '../core/route';
import type { AuditEntry } from '../core/types';
import { usePolled } from '../live/polled';
import { Clock, JobLink } from '../ui/bits';
import { Empty, Loading, Problem } from '../ui/states';
import { say } from '../ui/toast';

const PAGE = 100;

export function AuditPage() {
  const newest = usePolled(
    'audit',
    (signal) => get<{ entries: AuditEntry[] }>(`/v1/audit${search({ limit: PAGE })}`, signal),
    3000,
  );
  const [older, setOlder] = useState<AuditEntry[]>([]);
  const [ended, setEnded] = useState(false);
  const [find, setFind] = useState('');
  const entries = newest.value?.entries;
  // What moves out of the newest page meanwhile is kept with the older ones.
  const [seen, setSeen] = useState<AuditEntry[]>([]);
  useEffect(() => {
    if (!entries) return;
    const ids = new Set(entries.map((each) => each.id));
    setSeen([...entries, ...seen.filter((each) => !ids.has(each.id))]);
  }, [entries]);
  if (newest.error && !entries) {
    return (
      <>
        <Title />
        <Problem what="The audit trail" error={newest.error} again={newest.again} />
      </>
    );
  }
  if (!entries) return <Loading what="the audit trail" />;
  const all = [...seen, ...older.filter((each) => !seen.some((one) => one.id === each.id))];
  const low = find.toLowerCase();
  const shown = all.filter(
    (each) =>
      low === '' ||
      [each.who, each.queue, each.job, each.reason, actionInWords(each)].some((text) =>
        text?.toLowerCase().includes(low),
      ),
  );
  const more = async () => {
    try {
      const page = await get<{ entries: AuditEntry[] }>(
        `/v1/audit${search({ limit: PAGE, before: all[all.length - 1]?.id })}`,
      );
      setOlder([...older, ...page.entries]);
      setEnded(page.entries.length < PAGE);
    } catch (error) {
      say(error instanceof ApiError ? error.message : String(error), 'bad');
    }
  };
  return (
    <>
      <Title />
      {all.length === 0 ? (
        <Empty title="Nobody has changed anything yet">
          Whoever pauses, retries, cancels, deletes or schedules through a gateway is noted here for 30 days.
        </Empty>
      ) : (
        <section class="panel" aria-label="Entries">
          <header class="panel-title">
            <span class="muted">Kept for 30 days</span>
            <input
              type="search"
              aria-label="Filter entries"
              placeholder="Filter: who, queue, reason"
              value={find}
              onInput={(event) => setFind(event.currentTarget.value)}
            />
          </header>
          <div class="table-scroll" tabIndex={0} role="region" aria-label="Table of entries">
            <table class="plain-table cards">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col">What</th>
                  <th scope="col">Of</th>
                  <th scope="col">Why</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((each) => (
                  <tr key={each.id}>
                    <td class="nowrap">
                      <Clock at={each.at} />
                    </td>
                    <td>{each.who}</td>
                    <td>
                      {actionInWords(each)}
                      {each.status >= 400 && <span class="bad small"> refused ({each.status})</span>}
                    </td>
                    <td>
                      {each.job ? (
                        <JobLink id={each.job} />
                      ) : each.queue ? (
                        <a href={queueHref(each.queue)}>{each.queue}</a>
                      ) : (
                        '–'
                      )}
                    </td>
                    <td class="muted">{each.reason ?? ''}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {!ended && all.length >= PAGE && (
            <button type="button" onClick={() => void more()}>
              Older entries
            </button>
          )}
        </section>
      )}
    </>
  );
}

function Title() {
  return (
    <header class="page-title">
      <h1>Audit trail</h1>
    </header>
  );
}
