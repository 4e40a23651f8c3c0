// The workers of all queues that have some at work, or want some.
import { count } from '../core/format';
import { queueHref } from '../core/route';
import { judged, queues } from '../live/queues';
import { Empty, Loading } from '../ui/states';
import { WorkerList } from '../ui/worker_list';

const MOST = 20; // each asks for its workers

export function WorkersPage() {
  if (!queues.value) return <Loading what="the queues" />;
  const busy = judged.value.filter(
    ({ queue }) =>
      (queue.counts.active ?? 0) > 0 || (queue.scale?.replicas ?? 0) > 0 || (queue.scale?.desired ?? 0) > 0,
  );
  return (
    <>
      <header class="page-title">
        <h1>Workers</h1>
      </header>
      {busy.length === 0 ? (
        <Empty title="Nobody at work">
          No queue has a worker now. They are started when jobs come, as spec.scaling of each queue says.
        </Empty>
      ) : (
        busy.slice(0, MOST).map(({ queue }) => (
          <section key={queue.name} class="worker-queue" aria-label={`Workers of ${queue.name}`}>
            <h2>
              <a href={queueHref(queue.name, 'workers')} data-row>
                {queue.name}
              </a>
            </h2>
            <WorkerList queue={queue.name} scale={queue.scale} titled />
          </section>
        ))
      )}
      {busy.length > MOST && (
        <p class="muted">and {count(busy.length - MOST)} more queues; open one from the overview</p>
      )}
    </>
  );
}
