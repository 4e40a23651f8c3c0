// The schedules of all queues.
import { useSignal } from '@preact/signals';
import { judged, queues } from '../live/queues';
import { Empty, Loading } from '../ui/states';
import { ScheduleList } from '../ui/schedule_list';

const MOST = 30; // each asks for its schedules

export function SchedulesPage() {
  const chosen = useSignal('');
  if (!queues.value) return <Loading what="the queues" />;
  const names = judged.value.map((each) => each.queue.name).sort();
  if (names.length === 0) return <Empty title="There are no queues yet">Schedules belong to a queue.</Empty>;
  const shown = chosen.value !== '' ? [chosen.value] : names.slice(0, MOST);
  return (
    <>
      <header class="page-title">
        <h1>Schedules</h1>
        <span class="spacer" />
        <select
          aria-label="Queue"
          value={chosen.value}
          onChange={(event) => (chosen.value = event.currentTarget.value)}
        >
          <option value="">{names.length > MOST ? `first ${MOST} queues` : 'all queues'}</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </header>
      <p class="muted">Queues without a schedule are left out; choose a queue to make its first.</p>
      {shown.map((name) => (
        <ScheduleList key={name} queue={name} titled={chosen.value === ''} />
      ))}
    </>
  );
}
