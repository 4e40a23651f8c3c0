// What the keyboard does, everywhere. `?` shows it.
import { href, type Page } from '../core/route';
import { paused, setPaused } from '../live/paused';
import { go } from '../live/router';
import { nextTheme } from '../live/theme';
import { DialogTitle, dialogIsOpen, openDialog } from './dialog';

const PLACES: Record<string, Page> = {
  o: { page: 'overview' },
  d: { page: 'dead' },
  s: { page: 'schedules' },
  w: { page: 'workers' },
  a: { page: 'audit' },
};

const KEYS: [string, string][] = [
  ['/', 'find a queue or a job'],
  ['g then o, d, s, w, a', 'go to overview, dead letters, schedules, workers, audit trail'],
  ['j, k', 'next, previous row'],
  ['Enter', 'open the row'],
  ['x', 'select the row'],
  ['p', 'pause the page, and go on'],
  ['t', 'light, dark, as the system has it'],
  ['Esc', 'close the dialog'],
  ['?', 'this'],
];

export function showKeys(): void {
  openDialog(
    <>
      <DialogTitle>Keyboard</DialogTitle>
      <dl class="keys">
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </>,
  );
}

/** Where the focus is in a list, moves by rows; each row has one link marked `data-row`. */
function moveRow(step: number): void {
  const links = [...document.querySelectorAll<HTMLElement>('main [data-row]')].filter(
    (each) => each.offsetParent !== null,
  );
  const at = links.findIndex(
    (each) =>
      each === document.activeElement ||
      each.closest('[role=row], article, tr')?.contains(document.activeElement) === true,
  );
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(at + step, 0), links.length - 1)];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: 'center' });
}

export function followKeys(): () => void {
  let going = 0;
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialogIsOpen()) return;
    const target = event.target as HTMLElement;
    if (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName)) return;
    if (target.tagName === 'INPUT' && (target as HTMLInputElement).type !== 'checkbox') return;
    if (Date.now() - going < 1500) {
      going = 0;
      const place = PLACES[event.key];
      if (place) {
        event.preventDefault();
        go(href(place));
      }
      return;
    }
    switch (event.key) {
      case 'g':
        going = Date.now();
        return;
      case '/':
        document.getElementById('finder')?.focus();
        break;
      case 'p':
        setPaused(!paused.value);
        break;
      case 't':
        nextTheme();
        break;
      case '?':
        showKeys();
        break;
      case 'j':
        moveRow(1);
        break;
      case 'k':
        moveRow(-1);
        break;
      case 'x': {
        const row = document.activeElement?.closest('[role=row]');
        row?.querySelector<HTMLInputElement>('input[type=checkbox]')?.click();
        break;
      }
      default:
        return;
    }
    event.preventDefault();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}
