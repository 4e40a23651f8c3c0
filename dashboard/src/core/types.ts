// What the gateway answers, as far as the page uses it. `gateway/openapi.yaml` has all of it.

export const STATES = ['waiting', 'delayed', 'active', 'retrying', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof STATES)[number];
export const ENDED: ReadonlySet<JobState> = new Set<JobState>(['completed', 'failed', 'cancelled']);

export interface JobError {
  class: string;
  status?: number;
  message?: string;
}

export interface Progress {
  percent?: number;
  step?: string;
  message?: string;
}

export interface Job {
  id: string;
  queue: string;
  type?: string;
  state: JobState;
  run: number;
  attempt: number;
  maxAttempts?: number;
  since: string;
  submittedAt: string;
  startedAt?: string;
  finishedAt?: string;
  dueAt?: string;
  updatedAt: string;
  busy?: number;
  pod?: string;
  error?: JobError;
  progress?: Progress;
  eta?: { at: string; by: 'progress' | 'runTime' | 'position' };
  result?: unknown;
  resultBase64?: string;
  resultLeftOut?: number;
  resultType?: string;
  intermediateResults?: { at: string; attempt: number; result?: unknown }[];
  labels?: Record<string, string> | string;
  place?: { topic: string; partition: number; offset: number };
}

export interface Transition {
  at: string;
  event: string;
  run: number;
  attempt: number;
  pod?: string;
  error?: JobError;
  dueAt?: string;
  busy?: number;
}

export interface LogEntry {
  at: string;
  run: number;
  attempt: number;
  level?: string;
  lines: string; // with line ends between the lines
  linesLeftOut?: number;
}

export interface Pause {
  source: string;
  by: string;
  reason: string;
  at: string;
}

export interface Scale {
  replicas: number;
  ready?: number;
  desired?: number;
  min?: number;
  max?: number;
  reason?: string;
  message?: string;
  at?: string;
  trouble?: { what: string; reason: string; message: string }[];
}

export interface Rates {
  completed: number;
  failed: number;
  retried: number;
  failureRate: number;
}

export interface Queue {
  name: string;
  topic?: string;
  counts: Partial<Record<JobState | 'dead', number>>;
  paused?: boolean;
  pauses?: Pause[];
  lag?: number;
  events?: boolean;
  trouble?: string;
  rates?: Rates;
  oldestWaitingAt?: string;
  scale?: Scale;
  ordering?: string;
}

export interface Queues {
  at: string;
  queues: Queue[];
}

/** What is different since the last time. */
export interface Changes extends Queues {
  gone?: string[];
}

export interface Times {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
}

export interface Minute {
  at: string;
  completed: number;
  failed: number;
  cancelled: number;
  retried: number;
}

export interface Figures {
  since: string;
  completed: number;
  failed: number;
  cancelled: number;
  retried: number;
  perMinute: number;
  failureRate: number;
  retryRate: number;
  run: Times;
  wait: Times;
  errors: Record<string, number>;
  types?: Record<string, Times>;
  minutes: Minute[];
}

export interface QueueDetail extends Queue {
  oldest?: Partial<Record<JobState, string>>;
  figures: Figures;
  spec?: unknown;
}

export interface LagSample {
  at: string;
  lag: number;
  backlog?: number;
  dead?: number;
  replicas?: number;
}

export interface Decision {
  at: string;
  from: number;
  to: number;
  reason: string;
  message?: string;
}

export interface Lag {
  queue: string;
  samples: LagSample[];
  decisions: Decision[];
}

export interface Worker {
  pod: string;
  active: number;
  jobs: { id: string; type?: string; startedAt?: string; progress?: Progress }[];
  lastSeenAt?: string;
}

export interface ErrorGroup {
  error: JobError; // its message without what differs from job to job
  example?: string; // a whole message
  count: number;
  first: string;
  last: string;
  sample: string[];
  types: Record<string, number>;
}

export interface Schedule {
  queue: string;
  name: string;
  cron: string;
  timeZone?: string;
  missedRuns?: string;
  catchUpLimit?: number;
  paused?: boolean;
  job: Record<string, unknown>;
  by?: string;
  at?: string;
  nextRuns?: string[];
  runs?: number;
  lastRun?: { planned: string; at?: string; job?: string };
  trouble?: string;
}

export interface AuditEntry {
  id: string;
  at: string;
  who: string;
  action: string;
  queue?: string;
  job?: string;
  reason?: string;
  status: number;
}

export interface Filter {
  state?: string;
  type?: string;
  error?: string;
  label?: string;
  text?: string;
  payload?: string; // of a list only: bulk operations do not look into payloads
  from?: string;
  before?: string;
  ids?: string[];
}

export interface Operation {
  id: string;
  queue: string;
  action: string;
  filter: Filter;
  ratePerSecond?: number;
  by?: string;
  reason?: string;
  state: 'running' | 'completed' | 'aborted' | 'failed';
  matched: number;
  done: number;
  skipped: number;
  failed: number;
  startedAt: string;
  updatedAt?: string;
  endedAt?: string;
  trouble?: string;
}

export type Role = 'submit' | 'view' | 'operate' | 'admin';

export interface Me {
  name: string;
  open: boolean;
  roles: Record<string, Role[]>;
  version?: string;
}
