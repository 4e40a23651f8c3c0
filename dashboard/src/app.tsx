import { useEffect } from 'preact/hooks';
import { needsToken } from './api/client';
import { href, type Route } from './core/route';
import { route } from './live/router';
import { AuditPage } from './pages/audit';
import { DeadPage } from './pages/dead';
import { JobPage } from './pages/job';
import { Overview } from './pages/overview';
import { QueuePage } from './pages/queue';
import { SchedulesPage } from './pages/schedules';
import { SignIn } from './pages/sign_in';
import { WorkersPage } from './pages/workers';
import { DialogHost } from './ui/dialog';
import { followKeys } from './ui/keys';
import { Shell } from './ui/shell';
import { Empty } from './ui/states';
import { Toasts } from './ui/toast';

export function App() {
  useEffect(followKeys, []);
  const here = route.value;
  useEffect(() => {
    document.title = `${titleOf(here)} · Drover`;
    scrollTo(0, 0);
  }, [JSON.stringify({ ...here, query: undefined })]);
  return (
    <>
      {needsToken.value ? (
        <SignIn />
      ) : (
        <Shell>
          <PageOf route={here} />
        </Shell>
      )}
      <DialogHost />
      <Toasts />
    </>
  );
}

function PageOf({ route }: { route: Route }) {
  switch (route.page) {
    case 'overview':
      return <Overview />;
    case 'queue':
      return <QueuePage key={route.queue} queue={route.queue} tab={route.tab} />;
    case 'job':
      return <JobPage key={route.id} id={route.id} />;
    case 'dead':
      return <DeadPage />;
    case 'schedules':
      return <SchedulesPage />;
    case 'workers':
      return <WorkersPage />;
    case 'audit':
      return <AuditPage />;
    case 'nowhere':
      return (
        <Empty title="There is no such page">
          <p>
            {route.path} is not an address of this dashboard.{' '}
            <a href={href({ page: 'overview' })}>Go to the overview</a>
          </p>
        </Empty>
      );
  }
}

function titleOf(route: Route): string {
  switch (route.page) {
    case 'overview':
      return 'Overview';
    case 'queue':
      return route.tab === 'overview' ? route.queue : `${route.queue}: ${route.tab}`;
    case 'job':
      return `Job ${route.id}`;
    case 'dead':
      return 'Dead letters';
    case 'nowhere':
      return 'No such page';
    default:
      return route.page[0]?.toUpperCase() + route.page.slice(1);
  }
}
