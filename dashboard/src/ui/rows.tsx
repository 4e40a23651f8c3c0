// A list of any length in the page's own scroll: only the rows on the screen exist.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { visibleRows, type Slice } from '../core/rows';
import { isNarrow } from '../live/theme';

interface RowsProps<T> {
  rows: readonly T[];
  label: string;
  height: number; // of a row, in pixels; they are all the same
  narrowHeight: number;
  head: ComponentChildren;
  columns: string; // a class that sets the grid's columns
  render: (row: T, selected: boolean) => ComponentChildren; // another function renders all rows anew
  keyOf: (row: T) => string;
  isSelected?: (row: T) => boolean;
  onVisible?: (slice: Slice) => void;
}

export function Rows<T>(props: RowsProps<T>) {
  const { rows, keyOf } = props;
  const height = isNarrow.value ? props.narrowHeight : props.height;
  const body = useRef<HTMLDivElement>(null);
  const [slice, setSlice] = useState<Slice>({ first: 0, end: Math.min(rows.length, 40) });
  const shown = useRef(slice);

  const measure = () => {
    const top = body.current?.getBoundingClientRect().top;
    if (top === undefined) return;
    const next = visibleRows(top, window.innerHeight, height, rows.length);
    if (next.first === shown.current.first && next.end === shown.current.end) return;
    shown.current = next;
    setSlice(next);
  };
  useLayoutEffect(measure, [rows, height]);
  useEffect(() => {
    addEventListener('scroll', measure, { passive: true });
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  });
  useEffect(() => props.onVisible?.(slice), [slice.first, slice.end, rows.length]);

  const end = Math.min(slice.end, rows.length);
  const first = Math.min(slice.first, end);
  return (
    <div class="rows" role="table" aria-label={props.label} aria-rowcount={rows.length + 1}>
      <div class={`row head ${props.columns}`} role="row" aria-rowindex={1}>
        {props.head}
      </div>
      <div ref={body} class="rows-body" role="rowgroup" style={{ height: `${rows.length * height}px` }}>
        {rows.slice(first, end).map((row, i) => (
          <Line
            key={keyOf(row)}
            row={row}
            place={first + i}
            height={height}
            columns={props.columns}
            selected={props.isSelected?.(row) ?? false}
            render={props.render}
          />
        ))}
      </div>
    </div>
  );
}

interface LineProps<T> {
  row: T;
  place: number;
  height: number;
  columns: string;
  selected: boolean;
  render: (row: T, selected: boolean) => ComponentChildren;
}

// Of a list that changes all the time, most rows do not: they stay as they are.
class Line<T> extends Component<LineProps<T>> {
  override shouldComponentUpdate(next: LineProps<T>): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof LineProps<T>)[]).some((name) => next[name] !== now[name]);
  }
  override render({ row, place, height, columns, selected, render }: LineProps<T>) {
    return (
      <div
        role="row"
        aria-rowindex={place + 2}
        class={`row ${columns} ${selected ? 'selected' : ''}`}
        style={{ top: `${place * height}px`, height: `${height}px` }}
      >
        {render(row, selected)}
      </div>
    );
  }
}

export function Cell({ children, kind = '', label }: { children?: ComponentChildren; kind?: string; label?: string }) {
  return (
    <div role="cell" class={`cell ${kind}`} data-label={label}>
      {children}
    </div>
  );
}

export function Head({
  children,
  kind = '',
  sort,
}: {
  children?: ComponentChildren;
  kind?: string;
  sort?: 'ascending' | 'descending' | 'none';
}) {
  return (
    <div role="columnheader" class={`cell ${kind}`} aria-sort={sort}>
      {children}
    </div>
  );
}
