// The lag of a queue over the last hour, with what scaling decided and why.
import { useMemo } from 'preact/hooks';
import { get, isMissing, queuePath } from '../api/client';
import { count, plural } from '../core/format';
import { reasonInWords } from '../core/reasons';
import type { Decision, Lag } from '../core/types';
import { usePolled } from '../live/polled';
import { recentLag } from '../live/queues';
import { Clock } from './bits';
import { Chart, type Line } from './chart';
import { Empty, Loading, Problem } from './states';

interface Course extends Lag {
  sinceOpened?: boolean;
}

async function lagOf(queue: string, window: string, signal: AbortSignal): Promise<Course> {
  try {
    return await get<Lag>(queuePath(queue, `/lag?window=${window === '168h' ? '24h' : window}`), signal); // a day is kept
  } catch (error) {
    if (!isMissing(error)) throw error;
    const samples = (recentLag.get(queue) ?? []).map(({ at, lag }) => ({ at: new Date(at).toISOString(), lag }));
    return { queue, samples, decisions: [], sinceOpened: true };
  }
}

export function LagPanel({
  queue,
  window = '1h',
  height = 200,
  most = 4,
}: {
  queue: string;
  window?: string;
  height?: number;
  most?: number;
}) {
  const lag = usePolled(`${queue} ${window}`, (signal) => lagOf(queue, window, signal), 5000);
  const drawn = useMemo(() => (lag.value ? linesOf(lag.value) : undefined), [lag.value]);
  if (lag.error && !lag.value) return <Problem what="The lag" error={lag.error} again={lag.again} />;
  if (!lag.value || !drawn) return <Loading what="the lag" />;
  if (lag.value.samples.length < 2)
    return <Empty title="No figures yet">The first ones come within some seconds.</Empty>;
  const { decisions, sinceOpened } = lag.value;
  return (
    <>
      <Chart
        label={`Lag of ${queue}`}
        times={drawn.times}
        lines={drawn.lines}
        decisions={drawn.decisions}
        height={height}
      />
      {sinceOpened && (
        <p class="muted small">This gateway keeps no lag of the past: the chart begins when this page was opened.</p>
      )}
      {decisions.length > 0 ? (
        <ol class="decisions" aria-label="Scaling decisions, newest first">
          {decisions
            .slice(-most)
            .reverse()
            .map((each) => (
              <DecisionLine key={each.at} decision={each} />
            ))}
        </ol>
      ) : (
        !sinceOpened && <p class="muted small">No scaling decision in this time.</p>
      )}
    </>
  );
}

function DecisionLine({ decision }: { decision: Decision }) {
  const out = decision.to > decision.from;
  return (
    <li>
      <Clock at={decision.at} />
      <strong class={out ? 'scaled-out' : 'scaled-in'}>
        {out ? '↑' : '↓'} {decision.from} → {plural(decision.to, 'worker')}
      </strong>
      <span>{reasonInWords(decision)}</span>
    </li>
  );
}

function linesOf(lag: Course): { times: number[]; lines: Line[]; decisions: Decision[] } {
  const { samples } = lag;
  const times = samples.map((each) => Date.parse(each.at) / 1000);
  const lines: Line[] = [
    { label: 'lag', color: '--series-lag', kind: 'area', values: samples.map((each) => each.lag), format: count },
  ];
  if (samples.some((each) => each.replicas !== undefined)) {
    lines.push({
      label: 'workers',
      color: '--scaled',
      kind: 'step',
      right: true,
      values: samples.map((each) => each.replicas ?? null),
      format: (value) => (Number.isInteger(value) ? count(value) : value.toFixed(1)),
    });
  }
  const decisions = lag.decisions.map((each) => ({ ...each, message: reasonInWords(each) }));
  return { times, lines, decisions };
}
