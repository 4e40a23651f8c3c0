// Deep links: what is shown is in the address, after the '#'.

export const QUEUE_TABS = ['overview', 'jobs', 'dead', 'schedules', 'workers', 'operations'] as const;
export type QueueTab = (typeof QUEUE_TABS)[number];

export type Page =
  | { page: 'overview' }
  | { page: 'queue'; queue: string; tab: QueueTab }
  | { page: 'job'; id: string }
  | { page: 'dead' }
  | { page: 'schedules' }
  | { page: 'workers' }
  | { page: 'audit' }
  | { page: 'nowhere'; path: string };

export type Route = Page & { query: Record<string, string> };

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = split(hash.replace(/^#/, ''), '?');
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) query[name] = value;
  return { ...parsePage(path), query };
}

function split(text: string, at: string): [string, string] {
  const place = text.indexOf(at);
  return place < 0 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)];
}

function parsePage(path: string): Page {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const [first, second, third] = parts;
  if (first === undefined) return { page: 'overview' };
  if (first === 'queues' && second !== undefined && parts.length <= 3) {
    const tab = QUEUE_TABS.find((each) => each === (third ?? 'overview'));
    if (tab) return { page: 'queue', queue: second, tab };
  }
  if (first === 'jobs' && second !== undefined && parts.length === 2) return { page: 'job', id: second };
  if (parts.length === 1 && (first === 'dead' || first === 'schedules' || first === 'workers' || first === 'audit')) {
    return { page: first };
  }
  return { page: 'nowhere', path };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a '%' that somebody typed
  }
}

export function href(page: Page, query: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const text = search.toString();
  return `#${pathOf(page)}${text === '' ? '' : `?${text}`}`;
}

function pathOf(page: Page): string {
  switch (page.page) {
    case 'overview':
      return '/';
    case 'queue': {
      const base = `/queues/${encodeURIComponent(page.queue)}`;
      return page.tab === 'overview' ? base : `${base}/${page.tab}`;
    }
    case 'job':
      return `/jobs/${encodeURIComponent(page.id)}`;
    case 'nowhere':
      return page.path;
    default:
      return `/${page.page}`;
  }
}

export const queueHref = (queue: string, tab: QueueTab = 'overview', query: Record<string, string | undefined> = {}) =>
  href({ page: 'queue', queue, tab }, query);
export const jobHref = (id: string) => href({ page: 'job', id });
