// Asks the gateway. Every error that comes out of here says what is wrong and, as far as one can know, what to do.

import { signal } from '@preact/signals';
import { EventParser, type ServerEvent } from '../core/sse';

export class ApiError extends Error {
  /** `status` 0: no answer came at all. */
  constructor(
    readonly status: number,
    readonly title: string,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = 'drover-token';

/** Of this tab; gone with it. */
export const token = signal(sessionStorage.getItem(TOKEN) ?? '');
/** The gateway has said 401. */
export const needsToken = signal(false);

export function setToken(value: string): void {
  token.value = value;
  needsToken.value = false;
  if (value === '') sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, value);
}

export function queuePath(queue: string, rest = ''): string {
  return `/v1/queues/${encodeURIComponent(queue)}${rest}`;
}
export function jobPath(id: string, rest = ''): string {
  return `/v1/jobs/${encodeURIComponent(id)}${rest}`;
}
export function search(parts: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parts))
    if (value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

interface Options {
  method?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
}

export async function ask(path: string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { ...options.headers };
  if (token.value !== '') headers['authorization'] = `Bearer ${token.value}`;
  if (options.body !== undefined) headers['content-type'] ??= 'application/json';
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      cache: 'no-store',
      ...(options.body !== undefined ? { body: JSON.stringify(options.body) } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError(0, 'No answer', 'The gateway does not answer. Is it running, and does this machine reach it?');
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function problemOf(response: Response): Promise<ApiError> {
  let title = response.statusText || `Status ${response.status}`;
  let detail = '';
  try {
    const problem = (await response.json()) as { title?: unknown; detail?: unknown };
    if (typeof problem.title === 'string') title = problem.title;
    if (typeof problem.detail === 'string') detail = problem.detail;
  } catch {
    // A proxy answered, not the gateway: its status is all that one can tell.
    detail = `Something between this page and the gateway answered with status ${response.status}.`;
  }
  if (response.status === 401) needsToken.value = true;
  return new ApiError(response.status, title, detail || title);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await ask(path, { signal })).json()) as T;
}

export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await ask(path, { method, ...(body !== undefined ? { body } : {}) });
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The gateway has no such route: it is older than this page, or built without it. */
export function isMissing(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    (error.status === 405 || (error.status === 404 && error.message.startsWith('there is nothing at')))
  );
}

const SILENCE = 45_000; // the gateway says something every 15 s: after this long nobody is there

/** Reads a stream of events until it ends. */
export async function readEvents(
  path: string,
  onEvent: (event: ServerEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await ask(path, { signal, headers: { accept: 'text/event-stream' } });
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const watch = setTimeout(() => void reader.cancel(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(watch));
    if (done) return;
    for (const event of parser.push(decoder.decode(value, { stream: true }))) onEvent(event);
  }
}
