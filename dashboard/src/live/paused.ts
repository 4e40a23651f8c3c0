// Whether the page stands still, so that one can read it. Nothing is asked of the gateway then, but what one clicks.
import { signal } from '@preact/signals';

export const paused = signal(false);
export const pausedAt = signal(0);

export function setPaused(value: boolean): void {
  paused.value = value;
  if (value) pausedAt.value = Date.now();
}
