// The jobs of a queue that fit a filter, page by page, and kept up to date where one looks.

import { signal } from '@preact/signals';
import { ApiError, get, queuePath, search } from '../api/client';
import { mergePage } from '../core/rows';
import type { Filter, Job } from '../core/types';

interface Page {
  jobs: Job[];
  cursor?: string;
}

const PAGE = 500;
const REFRESH = 100; // rows that are asked for again, at least

export class JobFeed {
  readonly rows = signal<Job[]>([]);
  readonly loading = signal(true);
  readonly complete = signal(false);
  readonly error = signal<ApiError | undefined>(undefined);
  private cursor: string | undefined;
  private abort = new AbortController();
  private busy: '' | 'more' | 'refresh' = '';
  private wanted = false; // more was, while a refresh was under way

  constructor(
    private readonly queue: string,
    private readonly filter: Filter,
  ) {}

  stop(): void {
    this.abort.abort();
  }

  /** The next page. A page may be short or empty and still not the last: the gateway looks at so many jobs at a time. */
  async more(): Promise<void> {
    if (this.complete.value || this.abort.signal.aborted) return;
    this.wanted = this.busy === 'refresh';
    if (this.busy) return;
    this.busy = 'more';
    this.loading.value = true;
    try {
      const page = await this.ask({ limit: PAGE, cursor: this.cursor });
      this.cursor = page.cursor;
      const known = new Set(this.rows.value.map((job) => job.id));
      this.rows.value = [...this.rows.value, ...page.jobs.filter((job) => !known.has(job.id))];
      this.complete.value = page.cursor === undefined;
      this.error.value = undefined;
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = '';
      this.loading.value = false;
    }
  }

  /** Asks again for the rows that are on the screen, and for new ones where that is the top. */
  async refresh(first: number, end: number): Promise<void> {
    if (this.filter.payload) return; // payloads are read from Kafka: once is enough
    if (this.busy || this.abort.signal.aborted) return;
    this.busy = 'refresh';
    try {
      const rows = this.rows.value;
      const top = rows[first];
      const limit = Math.min(Math.max(end - first + 20, REFRESH), 1000);
      if (first < 30 || !top) {
        const page = await this.ask({ limit: Math.max(limit, Math.min(end + 20, 1000)) });
        const overlaps = page.cursor === undefined || page.jobs.some((job) => rows.some((row) => row.id === job.id));
        if (!overlaps || rows.length === 0) {
          // So many are new that there is a gap: begin anew.
          this.rows.value = page.jobs;
          this.cursor = page.cursor;
          this.complete.value = page.cursor === undefined;
        } else {
          this.rows.value = mergePage(rows, page.jobs, true, page.cursor === undefined);
        }
      } else {
        const before = this.filter.before ?? new Date(Date.parse(top.submittedAt) + 1).toISOString();
        const page = await this.ask({ limit, before });
        this.rows.value = mergePage(this.rows.value, page.jobs, false, page.cursor === undefined);
      }
      this.error.value = undefined;
    } catch (error) {
      this.fail(error);
    } finally {
      this.busy = '';
      if (this.wanted) void this.more();
    }
  }

  private ask(page: { limit: number; cursor?: string | undefined; before?: string }): Promise<Page> {
    const { ids: _, ...filter } = this.filter;
    return get<Page>(queuePath(this.queue, `/jobs${search({ ...filter, ...page })}`), this.abort.signal);
  }

  private fail(error: unknown): void {
    if (this.abort.signal.aborted) return;
    this.error.value = error instanceof ApiError ? error : new ApiError(0, 'Unexpected', String(error));
  }
}
