// What is shown where there is nothing to show, and what one can do about it.
import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api/client';

export function Loading({ what }: { what: string }) {
  return (
    <div class="state loading" role="status">
      <span class="spinner" aria-hidden="true" /> Loading {what}…
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state empty">
      <strong>{title}</strong>
      {children && <div class="muted">{children}</div>}
    </div>
  );
}

export function Problem({ error, again, what }: { error: ApiError; again?: () => void; what: string }) {
  return (
    <div class="state problem" role="alert">
      <strong>{what} could not be loaded</strong>
      <div>{error.message}</div>
      <div class="muted">{advice(error)}</div>
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

function advice(error: ApiError): string {
  if (error.status === 0)
    return 'Check that the gateway runs and that this machine reaches it. The page tries again by itself.';
  if (error.status === 403) return 'Ask whoever keeps the tokens file for a role on this queue, or use another token.';
  if (error.status === 404) return 'Check the address, or go back to the overview.';
  if (error.status === 503)
    return 'The gateway is up and waits for something behind it: Kafka, or its database. /healthz says which.';
  if (error.status >= 500) return 'The gateway’s log has the cause.';
  return '';
}
