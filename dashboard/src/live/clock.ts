// The time now, once a second, for ages and countdowns. It stands still while the page is paused.
import { signal } from '@preact/signals';
import { paused } from './paused';

export const now = signal(Date.now());
setInterval(() => {
  if (!paused.value && !document.hidden) now.value = Date.now();
}, 1000);
