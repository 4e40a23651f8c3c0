// "/": a queue by a part of its name, a job by its id.
import { useMemo, useRef, useState } from 'preact/hooks';
import { jobHref, queueHref } from '../core/route';
import { judged } from '../live/queues';
import { go } from '../live/router';

interface Hit {
  name: string;
  kind: string;
  to: string;
}

export function Finder() {
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const input = useRef<HTMLInputElement>(null);
  const hits = useMemo(() => find(text.trim(), open), [text, open]);
  const chosen = Math.min(at, Math.max(hits.length - 1, 0));

  const leave = (to?: string) => {
    setOpen(false);
    setText('');
    input.current?.blur();
    if (to !== undefined) go(to);
  };
  return (
    <div class="finder">
      <input
        ref={input}
        id="finder"
        type="text"
        role="combobox"
        aria-label="Find a queue or a job"
        aria-expanded={open && hits.length > 0}
        aria-controls="finder-hits"
        aria-autocomplete="list"
        aria-activedescendant={open && hits.length > 0 ? `hit-${chosen}` : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder="Queue or job id  ( / )"
        value={text}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
          setOpen(true);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') leave();
          else if (event.key === 'ArrowDown') setAt(Math.min(chosen + 1, hits.length - 1));
          else if (event.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0));
          else if (event.key === 'Enter' && hits[chosen]) leave(hits[chosen].to);
          else return;
          event.preventDefault();
        }}
      />
      {open && hits.length > 0 && (
        <ul id="finder-hits" role="listbox" aria-label="Found">
          {hits.map((hit, i) => (
            <li
              key={hit.to}
              id={`hit-${i}`}
              role="option"
              aria-selected={i === chosen}
              onMouseDown={(event) => {
                event.preventDefault(); // the field would lose the focus, and this list be gone, before the click
                leave(hit.to);
              }}
            >
              <span>{hit.name}</span> <span class="muted">{hit.kind}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function find(text: string, open: boolean): Hit[] {
  if (!open || text === '') return [];
  const low = text.toLowerCase();
  const hits = judged.value
    .filter(({ queue }) => queue.name.toLowerCase().includes(low))
    .slice(0, 8)
    .map(({ queue }): Hit => ({ name: queue.name, kind: 'queue', to: queueHref(queue.name) }));
  if (text.length >= 8) hits.push({ name: text, kind: 'job with this id', to: jobHref(text) });
  return hits;
}
