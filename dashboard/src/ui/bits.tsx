// Small things that several pages show.
import { computed, type ReadonlySignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { ago, clock, duration, shortId, since } from '../core/format';
import { jobHref } from '../core/route';
import type { JobState, Progress } from '../core/types';
import { now } from '../live/clock';

export function StateBadge({ state }: { state: JobState | string }) {
  return <span class={`badge state-${state}`}>{state}</span>;
}

/** A text that goes by the time now. Where it stays the same, nothing is rendered anew. */
function useTimed(text: (now: number) => string, at: string | undefined): ReadonlySignal<string> {
  return useMemo(() => computed(() => text(now.value)), [at]);
}

/** "3 min ago", with the exact time to point at. */
export function Ago({ at }: { at: string | undefined }) {
  const text = useTimed((time) => (at === undefined ? '' : ago(at, time)), at);
  if (at === undefined) return <span class="muted">–</span>;
  return (
    <time dateTime={at} title={`${clock(at, 0)} (${at})`}>
      {text}
    </time>
  );
}

/** How long something has gone on: "3 min". */
export function Age({ since: at }: { since: string | undefined }) {
  const text = useTimed((time) => duration(whole(since(at, time))), at);
  return <>{text}</>;
}

const whole = (seconds: number | undefined) => (seconds === undefined ? undefined : Math.floor(seconds));

export function Clock({ at }: { at: string | undefined }) {
  if (at === undefined) return <span class="muted">–</span>;
  return (
    <time dateTime={at} title={at}>
      {clock(at, now.value)}
    </time>
  );
}

export function JobLink({ id }: { id: string }) {
  return (
    <a class="mono" href={jobHref(id)} title={id}>
      {shortId(id)}
    </a>
  );
}

export function ProgressBar({ progress, label }: { progress: Progress | undefined; label: string }) {
  const percent = progress?.percent;
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div
        class={percent === undefined ? 'bar unknown' : 'bar'}
        style={{ width: percent === undefined ? '100%' : `${percent}%` }}
      />
    </div>
  );
}

export function Tile({
  label,
  value,
  hint,
  tone,
  href,
}: {
  label: string;
  value: ComponentChildren;
  hint?: ComponentChildren;
  tone?: string | undefined;
  href?: string;
}) {
  const inside = (
    <>
      <span class="tile-label">{label}</span>
      <span class={`tile-value ${tone ?? ''}`}>{value}</span>
      <span class="tile-hint muted">{hint ?? '\u00a0'}</span>
    </>
  );
  return href !== undefined ? (
    <a class="tile" href={href}>
      {inside}
    </a>
  ) : (
    <div class="tile">{inside}</div>
  );
}

export function Section({
  title,
  aside,
  children,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="panel">
      <header class="panel-title">
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
