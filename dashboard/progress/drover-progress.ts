// <drover-progress job="ID" [gateway="/prefix"] [token="…"]>: follows a job by its id, and shows how far it is.
//
// Attributes: `job`, its id; `gateway`, what comes before /v1, default: this page's origin; `token`, where one is asked for (a
// page for everybody rather has its server in between, which adds one); `label`, for screen readers. Events, that bubble: `drover-state` whenever something changed,
// `drover-done` when it completed, `drover-failed` when it failed or was cancelled, each with the job in `detail`; `job` is also
// a property, as `jobState`. Looks: the parts `bar`, `fill`, `text`; --drover-color, --drover-track, --drover-bad.

interface FollowedJob {
  id: string;
  state: string;
  attempt: number;
  maxAttempts?: number;
  dueAt?: string;
  progress?: { percent?: number; step?: string; message?: string };
  eta?: { at: string };
  error?: { class: string; message?: string };
  result?: unknown;
}

const ENDED = ['completed', 'failed', 'cancelled'];
const RETRY = [500, 1000, 2000, 4000, 8000];
const STYLE = `
:host{display:block;font:inherit}
:host([hidden]){display:none}
[part=bar]{height:8px;border-radius:4px;overflow:hidden;background:var(--drover-track,#8884)}
[part=fill]{height:100%;width:0;border-radius:4px;background:var(--drover-color,#0b6e62);transition:width .4s}
[part=fill].unknown{width:30%;animation:drover 1.4s ease-in-out infinite alternate}
[part=fill].failed{background:var(--drover-bad,#b3231b)}
[part=text]{margin-top:4px;font-size:.9em;overflow-wrap:anywhere}
@keyframes drover{from{transform:translateX(0)}to{transform:translateX(233%)}}
@media (prefers-reduced-motion:reduce){[part=fill]{transition:none}[part=fill].unknown{animation:none;width:100%;opacity:.4}}`;

class DroverProgress extends HTMLElement {
  static observedAttributes = ['job', 'gateway', 'token'];

  private readonly bar: HTMLElement;
  private readonly fill: HTMLElement;
  private readonly text: HTMLElement;
  private abort: AbortController | undefined;
  private ticker = 0;
  private trouble = '';
  /** What was heard last. */
  jobState: FollowedJob | undefined;

  constructor() {
    super();
    const root = this.attachShadow({ mode: 'open' });
    const style = new CSSStyleSheet(); // a <style> would need a page's Content-Security-Policy to allow it
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    const part = (name: string) => {
      const made = document.createElement('div');
      made.setAttribute('part', name);
      return made;
    };
    this.bar = part('bar');
    this.fill = part('fill');
    this.text = part('text');
    this.bar.setAttribute('role', 'progressbar');
    this.bar.setAttribute('aria-valuemin', '0');
    this.bar.setAttribute('aria-valuemax', '100');
    this.text.setAttribute('aria-live', 'polite');
    this.bar.append(this.fill);
    root.append(this.bar, this.text);
  }

  connectedCallback(): void {
    this.begin();
  }
  disconnectedCallback(): void {
    this.end();
  }
  attributeChangedCallback(_: string, before: string | null, after: string | null): void {
    if (this.isConnected && before !== after) this.begin();
  }

  private begin(): void {
    this.end();
    this.jobState = undefined;
    this.trouble = '';
    this.draw();
    const id = this.getAttribute('job');
    if (!id) return;
    this.abort = new AbortController();
    this.ticker = window.setInterval(() => this.draw(), 1000);
    void this.follow(id, this.abort.signal);
  }

  private end(): void {
    this.abort?.abort();
    clearInterval(this.ticker);
  }

  private async follow(id: string, signal: AbortSignal): Promise<void> {
    const path = `${(this.getAttribute('gateway') ?? '').replace(/\/$/, '')}/v1/jobs/${encodeURIComponent(id)}`;
    for (let failures = 0; !signal.aborted;) {
      try {
        this.take((await (await this.ask(path, signal)).json()) as FollowedJob, signal);
        if (this.ended()) return;
        failures = 0;
        const stream = await this.ask(`${path}/events`, signal);
        await this.read(stream, signal);
      } catch (error) {
        if (signal.aborted) return;
        const status = error instanceof Refused ? error.status : 0;
        this.trouble =
          status === 401 || status === 403
            ? 'Not allowed'
            : status === 404
              ? 'There is no such job'
              : 'No connection; trying again';
        this.draw();
        if (status === 401 || status === 403 || (status === 404 && failures > 2)) return this.end();
        ++failures;
      }
      if (this.ended()) return;
      await new Promise((done) => setTimeout(done, RETRY[Math.min(failures, RETRY.length - 1)]));
    }
  }

  private async ask(path: string, signal: AbortSignal): Promise<Response> {
    const token = this.getAttribute('token');
    const response = await fetch(path, {
      signal,
      cache: 'no-store',
      headers: token ? { authorization: `Bearer ${token}` } : {},
    });
    if (!response.ok) throw new Refused(response.status);
    return response;
  }

  private async read(stream: Response, signal: AbortSignal): Promise<void> {
    const reader = stream.body?.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    while (reader) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines)
        if (line.startsWith('data: ')) this.take(JSON.parse(line.slice(6)) as FollowedJob, signal);
    }
  }

  private ended(): boolean {
    return ENDED.includes(this.jobState?.state ?? '');
  }

  private take(job: FollowedJob, signal: AbortSignal): void {
    if (signal.aborted || this.ended()) return;
    this.jobState = job;
    this.trouble = '';
    this.draw();
    const tell = (name: string) =>
      this.dispatchEvent(new CustomEvent(name, { detail: job, bubbles: true, composed: true }));
    tell('drover-state');
    if (!this.ended()) return;
    this.end();
    tell(job.state === 'completed' ? 'drover-done' : 'drover-failed');
  }

  private draw(): void {
    const job = this.jobState;
    const percent = job?.state === 'completed' ? 100 : job?.progress?.percent;
    const failed = job?.state === 'failed' || job?.state === 'cancelled';
    this.fill.className = failed ? 'failed' : percent === undefined && job ? 'unknown' : '';
    this.fill.style.width = failed ? '100%' : percent === undefined ? '' : `${percent}%`;
    if (percent === undefined) this.bar.removeAttribute('aria-valuenow');
    else this.bar.setAttribute('aria-valuenow', String(percent));
    const text = this.trouble || (job ? inWords(job, Date.now()) : '');
    this.bar.setAttribute('aria-label', this.getAttribute('label') ?? 'Progress');
    this.bar.setAttribute('aria-valuetext', text);
    if (this.text.textContent !== text) this.text.textContent = text;
  }
}

class Refused extends Error {
  constructor(readonly status: number) {
    super(`status ${status}`);
  }
}

function inWords(job: FollowedJob, now: number): string {
  const { progress } = job;
  switch (job.state) {
    case 'completed':
      return 'Done';
    case 'cancelled':
      return 'Cancelled';
    case 'failed':
      return job.error?.message || job.error?.class || 'Failed';
    case 'retrying':
      return `Trying again${job.dueAt ? ` in ${left(Date.parse(job.dueAt) - now)}` : ''}`;
    case 'active': {
      const parts = [progress?.step, progress?.message].filter((part) => part);
      const rest = job.eta ? Date.parse(job.eta.at) - now : NaN;
      if (rest > 0) parts.push(`about ${left(rest)} left`);
      return `${progress?.percent !== undefined ? `${progress.percent} % · ` : ''}${parts.join(' · ') || 'Running'}`.replace(
        / · $/,
        '',
      );
    }
    case 'delayed':
      return `Starts ${job.dueAt ? `in ${left(Date.parse(job.dueAt) - now)}` : 'later'}`;
    default: {
      const rest = job.eta ? Date.parse(job.eta.at) - now : NaN;
      return rest > 0 ? `Waiting · about ${left(rest)} left` : 'Waiting';
    }
  }
}

function left(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  return seconds < 90
    ? `${seconds} s`
    : seconds < 5400
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`;
}

if (!customElements.get('drover-progress')) customElements.define('drover-progress', DroverProgress);
