import { signal } from '@preact/signals';
import { href, parseRoute, type Page, type Route } from '../core/route';

export const route = signal<Route>(parseRoute(location.hash));
addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash);
});

export function go(to: string): void {
  location.hash = to;
}

/** Changes the query of the page that is shown, without a step in the browser's history. */
export function setQuery(query: Record<string, string | undefined>): void {
  const { query: _, ...page } = route.value;
  history.replaceState(null, '', href(page as Page, query));
  route.value = parseRoute(location.hash);
}
