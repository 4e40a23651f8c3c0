// What is around every page: where one can go, whether it is live, who one is.
import { computed } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { setToken, token } from '../api/client';
import { clock, short } from '../core/format';
import { href, type Page } from '../core/route';
import { deadOf, needsAttention } from '../core/trouble';
import { now } from '../live/clock';
import { paused, pausedAt, setPaused } from '../live/paused';
import { judged, link, linkError } from '../live/queues';
import { route } from '../live/router';
import { may, me } from '../live/session';
import { nextTheme, theme } from '../live/theme';
import { Finder } from './finder';
import { showKeys } from './keys';

const troubled = computed(() => judged.value.filter(needsAttention).length);
const dead = computed(() => judged.value.reduce((sum, each) => sum + deadOf(each.queue), 0));

const PLACES: { page: Page & { page: 'overview' | 'dead' | 'schedules' | 'workers' | 'audit' }; name: string }[] = [
  { page: { page: 'overview' }, name: 'Overview' },
  { page: { page: 'dead' }, name: 'Dead letters' },
  { page: { page: 'schedules' }, name: 'Schedules' },
  { page: { page: 'workers' }, name: 'Workers' },
  { page: { page: 'audit' }, name: 'Audit trail' },
];

export function Shell({ children }: { children: ComponentChildren }) {
  const page = route.value.page;
  useEffect(
    () => document.querySelector('.side [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }),
    [page],
  );
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href={href({ page: 'overview' })}>
          <Logo /> Drover
        </a>
        <Finder />
        <LiveButton />
        <button
          type="button"
          class="plain icon"
          onClick={nextTheme}
          title={`Colours: ${theme.value} (T)`}
          aria-label={`Colours: ${theme.value}`}
        >
          {theme.value === 'auto' ? '◐' : theme.value === 'dark' ? '☾' : '☀'}
        </button>
        <button
          type="button"
          class="plain icon keys-button"
          onClick={showKeys}
          title="Keyboard (?)"
          aria-label="Keyboard"
        >
          ?
        </button>
      </header>
      <nav class="side" aria-label="Pages">
        {PLACES.filter((each) => each.page.page !== 'audit' || may('admin')).map(({ page, name }) => (
          <a key={name} href={href(page)} aria-current={route.value.page === page.page ? 'page' : undefined}>
            <span>{name}</span>
            <Count of={page.page} />
          </a>
        ))}
        <div class="who">
          {me.value && !me.value.open && (
            <>
              <span title={roleText()}>{me.value.name}</span>
              <button type="button" class="plain" onClick={() => setToken('')}>
                Sign out
              </button>
            </>
          )}
          {!me.value && token.value !== '' && (
            <button type="button" class="plain" onClick={() => setToken('')}>
              Sign out
            </button>
          )}
          {me.value?.version && <span class="muted">Drover {me.value.version}</span>}
        </div>
      </nav>
      <main id="main" tabIndex={-1}>
        {link.value === 'broken' && linkError.value && (
          <div class="banner bad" role="alert">
            <strong>Not live.</strong> {linkError.value.message} What you see is from {clock(now.value, now.value)} or
            before; the page tries again by itself.
          </div>
        )}
        {children}
      </main>
    </div>
  );
}

function roleText(): string {
  return Object.entries(me.value?.roles ?? {})
    .map(([pattern, roles]) => `${roles.join(', ')} on ${pattern}`)
    .join('; ');
}

function Count({ of }: { of: string }) {
  if (of === 'overview' && troubled.value > 0) {
    return (
      <span class="count bad" title="queues that need attention">
        {short(troubled.value)}
      </span>
    );
  }
  if (of === 'dead' && dead.value > 0) {
    return (
      <span class="count" title="jobs that failed">
        {short(dead.value)}
      </span>
    );
  }
  return null;
}

function LiveButton() {
  const state = paused.value ? 'paused' : link.value;
  const text = paused.value
    ? `Paused at ${clock(pausedAt.value, Date.now())}`
    : link.value === 'live'
      ? 'Live'
      : link.value === 'connecting'
        ? 'Connecting'
        : 'Not live';
  return (
    <button
      type="button"
      class={`live ${state}`}
      aria-pressed={paused.value}
      title={paused.value ? 'Go on (P)' : 'Pause the page (P)'}
      onClick={() => setPaused(!paused.value)}
    >
      <i class="dot" aria-hidden="true" />
      <span class="live-text">{text}</span>
      <span class="live-action">{paused.value ? 'Resume' : 'Pause'}</span>
    </button>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <g>
        <path d="M8 9h16" />
        <path d="M8 16h11" />
        <path d="M8 23h6" />
      </g>
    </svg>
  );
}
