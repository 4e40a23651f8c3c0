// Short messages about what was just done.
import { signal } from '@preact/signals';
import { ApiError } from '../api/client';

interface Toast {
  id: number;
  kind: 'good' | 'bad';
  text: string;
}

const toasts = signal<Toast[]>([]);
let next = 0;

export function say(text: string, kind: Toast['kind'] = 'good'): void {
  const toast = { id: next++, kind, text };
  toasts.value = [...toasts.value.slice(-3), toast];
  setTimeout(() => dismiss(toast.id), kind === 'good' ? 5000 : 12_000);
}

function dismiss(id: number): void {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/** Does it, and says how it went. */
export async function attempt<T>(done: string, action: () => Promise<T>): Promise<T | undefined> {
  try {
    const result = await action();
    say(done);
    return result;
  } catch (error) {
    say(error instanceof ApiError ? error.message : String(error), 'bad');
    return undefined;
  }
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((each) => (
        <div key={each.id} class={`toast ${each.kind}`}>
          <span>{each.text}</span>
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => dismiss(each.id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
