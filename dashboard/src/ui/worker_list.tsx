// Who works on a queue, and what each has in hand.
import { get, isMissing, queuePath, search } from '../api/client';
import { duration, plural, since } from '../core/format';
import type { Job, Scale, Worker } from '../core/types';
import { now } from '../live/clock';
import { usePolled } from '../live/polled';
import { Ago, JobLink, ProgressBar } from './bits';
import { Empty, Loading, Problem } from './states';

interface Found {
  workers: Worker[];
}

const SHOWN = 20;

async function workersOf(queue: string, signal: AbortSignal): Promise<Found> {
  try {
    return await get<Found>(queuePath(queue, '/workers'), signal);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const page = await get<{ jobs: Job[] }>(queuePath(queue, `/jobs${search({ state: 'active', limit: 1000 })}`), signal);
  const workers = new Map<string, Worker>();
  for (const job of page.jobs) {
    const pod = job.pod ?? 'unknown';
    const worker = workers.get(pod) ?? { pod, active: 0, jobs: [], lastSeenAt: job.updatedAt };
    worker.active += 1;
    if (worker.jobs.length < SHOWN) {
      worker.jobs.push({
        id: job.id,
        ...(job.type ? { type: job.type } : {}),
        ...(job.startedAt ? { startedAt: job.startedAt } : {}),
        ...(job.progress ? { progress: job.progress } : {}),
      });
    }
    workers.set(pod, worker);
  }
  return { workers: [...workers.values()].sort((a, b) => (a.pod < b.pod ? -1 : 1)) };
}

export function WorkerList({ queue, scale, titled }: { queue: string; scale?: Scale | undefined; titled?: boolean }) {
  const found = usePolled(queue, (signal) => workersOf(queue, signal), 2000);
  if (found.error && !found.value) return <Problem what="The workers" error={found.error} again={found.again} />;
  if (!found.value) return <Loading what={`workers of ${queue}`} />;
  const { workers } = found.value;
  return (
    <>
      {scale && (
        <p class="scale-line">
          {plural(scale.ready ?? scale.replicas, 'worker')} ready
          {scale.desired !== undefined && `, ${scale.desired} wanted`}
          {scale.max !== undefined && ` (from ${scale.min ?? 0} to ${scale.max})`}
          {(scale.message ?? scale.reason) && <span class="muted"> · {scale.message ?? scale.reason}</span>}
        </p>
      )}
      {workers.length === 0 ? (
        titled ? (
          <p class="muted">No job is in hand.</p>
        ) : (
          <Empty title="No job is in hand">Workers come with jobs; how many is in spec.scaling.</Empty>
        )
      ) : (
        <div class="workers">
          {workers.map((worker) => (
            <article key={worker.pod} class="panel worker">
              <header class="panel-title">
                <h3 class="mono">{worker.pod}</h3>
                <span class="muted small">
                  {plural(worker.active, 'job')} in hand
                  {worker.lastSeenAt && (
                    <>
                      {' '}
                      · heard <Ago at={worker.lastSeenAt} />
                    </>
                  )}
                </span>
              </header>
              {worker.jobs.length === 0 ? (
                <p class="muted small">Waits for work</p>
              ) : (
                <ul class="in-hand">
                  {worker.jobs.map((job) => (
                    <li key={job.id}>
                      <span>
                        <JobLink id={job.id} />
                      </span>
                      <span class="muted">{job.type ?? ''}</span>
                      <span class="number">{duration(Math.floor(since(job.startedAt, now.value) ?? NaN))}</span>
                      {job.progress && <ProgressBar progress={job.progress} label={`Progress of ${job.id}`} />}
                    </li>
                  ))}
                  {worker.active > worker.jobs.length && (
                    <li class="muted">and {worker.active - worker.jobs.length} more</li>
                  )}
                </ul>
              )}
            </article>
          ))}
        </div>
      )}
    </>
  );
}
