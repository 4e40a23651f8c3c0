import { render } from 'preact';
import { App } from './app';
import { followQueues } from './live/queues';
import { followSession } from './live/session';
import { followTheme } from './live/theme';

followTheme();
followSession();
followQueues();
const host = document.getElementById('app');
if (host) render(<App />, host);
