// The dead letters of all queues that have some.
import { deadOf } from '../core/trouble';
import { judged, queues } from '../live/queues';
import { queueHref } from '../core/route';
import { count } from '../core/format';
import { DeadGroups } from '../ui/dead_groups';
import { Empty, Loading } from '../ui/states';

const MOST = 12; // each asks for its groups

export function DeadPage() {
  if (!queues.value) return <Loading what="the queues" />;
  const found = judged.value
    .filter(({ queue }) => deadOf(queue) > 0)
    .sort((a, b) => deadOf(b.queue) - deadOf(a.queue) || (a.queue.name < b.queue.name ? -1 : 1));
  return (
    <>
      <header class="page-title">
        <h1>Dead letters</h1>
      </header>
      {found.length === 0 ? (
        <Empty title="No dead letters">
          Jobs that fail for good come here: after their last attempt, or when a worker says that they never will
          succeed.
        </Empty>
      ) : (
        <>
          {found.slice(0, MOST).map(({ queue }) => (
            <DeadGroups key={queue.name} queue={queue.name} titled />
          ))}
          {found.length > MOST && (
            <section class="panel" aria-label="Further queues">
              <h2>Further queues</h2>
              <ul class="links">
                {found.slice(MOST).map(({ queue }) => (
                  <li key={queue.name}>
                    <a href={queueHref(queue.name, 'dead')}>{queue.name}</a>{' '}
                    <span class="muted">{count(deadOf(queue))}</span>
                  </li>
                ))}
              </ul>
            </section>
          )}
        </>
      )}
    </>
  );
}
