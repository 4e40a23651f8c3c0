// Charts over time, by uPlot, in the page's colours.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clock, tick } from '../core/format';
import type { Decision } from '../core/types';
import { isDark } from '../live/theme';

export interface Line {
  label: string;
  color: string; // the name of a CSS variable
  values: (number | null)[];
  kind: 'area' | 'line' | 'step' | 'bars';
  right?: boolean; // has the scale on the right
  format: (value: number) => string;
}

interface ChartProps {
  label: string; // what it shows, for those who do not see it
  times: number[]; // seconds
  lines: Line[];
  decisions?: readonly Decision[];
  height?: number;
}

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart({ label, times, lines, decisions = [], height = 190 }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const marks = useRef<readonly Decision[]>(decisions);
  const current = useRef(lines);
  marks.current = decisions;
  current.current = lines;
  const shape = lines.map((line) => `${line.label}/${line.kind}/${line.right ?? ''}`).join();

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const made = new uPlot(
      optionsOf(element, current, marks, height),
      [times, ...lines.map((line) => line.values)] as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, isDark.value, height]);

  useEffect(() => {
    plot.current?.setData([times, ...lines.map((line) => line.values)] as uPlot.AlignedData);
  }, [times, lines, decisions]);

  return (
    <figure class="chart">
      <div
        ref={host}
        class="chart-plot"
        role="img"
        aria-label={`${label}. ${summary(lines)}`}
        style={{ height: `${height}px` }}
      />
      <figcaption class="legend">
        {lines.map((line) => (
          <span key={line.label}>
            <i class={`swatch ${line.kind}`} style={{ background: `var(${line.color})` }} /> {line.label}
          </span>
        ))}
        {decisions.length > 0 && (
          <span>
            <i class="swatch decision" /> scaled
          </span>
        )}
      </figcaption>
    </figure>
  );
}

function summary(lines: readonly Line[]): string {
  return lines
    .map((line) => {
      const last = [...line.values].reverse().find((value): value is number => value !== null && value !== undefined);
      return last === undefined ? '' : `${line.label}: now ${line.format(last)}`;
    })
    .filter((text) => text !== '')
    .join('; ');
}

type Ref<T> = { current: T };

function optionsOf(
  element: HTMLElement,
  lines: Ref<Line[]>,
  marks: Ref<readonly Decision[]>,
  height: number,
): uPlot.Options {
  const text = css('--muted');
  const grid = { stroke: css('--line'), width: 1 };
  const font = `11px ${css('--sans')}`;
  const axis = { stroke: text, font, grid, ticks: { show: false } };
  const right = lines.current.some((line) => line.right);
  const whole = (_: uPlot, values: number[]) => values.map((value) => (Number.isInteger(value) ? compact(value) : ''));
  return {
    width: Math.max(element.clientWidth, 200),
    height,
    padding: [14, right ? 4 : 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
    scales: {
      x: { time: true },
      y: { range: (_, __, max) => [0, Math.max(max * 1.1, 4)] },
      ...(right
        ? {
            right: {
              range: (_: uPlot, __: number, max: number): uPlot.Range.MinMax => [0, Math.max(Math.ceil(max * 1.25), 4)],
            },
          }
        : {}),
    },
    axes: [
      {
        ...axis,
        space: 70,
        size: 26,
        values: (_, splits, _axis, _space, step) => splits.map((at) => tick(at * 1000, step)),
      },
      { ...axis, size: 46, values: whole },
      ...(right ? [{ ...axis, scale: 'right', side: 1 as const, size: 34, grid: { show: false }, values: whole }] : []),
    ],
    series: [
      {},
      ...lines.current.map((line): uPlot.Series => {
        const color = css(line.color);
        return {
          label: line.label,
          scale: line.right ? 'right' : 'y',
          stroke: color,
          width: line.kind === 'bars' ? 0 : 1.75,
          points: { show: false },
          ...(line.kind === 'area' ? { fill: `${color}22` } : {}),
          ...(line.kind === 'bars'
            ? { fill: color, paths: uPlot.paths.bars?.({ size: [0.8, 14], align: 0 }) as uPlot.Series.PathBuilder }
            : {}),
          ...(line.kind === 'step'
            ? { paths: uPlot.paths.stepped?.({ align: 1 }) as uPlot.Series.PathBuilder, dash: [4, 3] }
            : {}),
        };
      }),
    ],
    plugins: [decisionMarks(marks), tooltip(lines, marks)],
  };
}

function compact(value: number): string {
  if (value >= 1e6) return `${+(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${+(value / 1e3).toFixed(1)}k`;
  return String(value);
}

const seconds = (decision: Decision) => Date.parse(decision.at) / 1000;

// Each decision is an upright line with how many workers there are from then on.
function decisionMarks(marks: Ref<readonly Decision[]>): uPlot.Plugin {
  return {
    hooks: {
      draw: (plot) => {
        const { ctx } = plot;
        const scale = devicePixelRatio;
        const { left, top, width, height } = plot.bbox;
        ctx.save();
        ctx.font = `600 ${11 * scale}px ${css('--sans')}`;
        ctx.textAlign = 'center';
        ctx.textBaseline = 'bottom';
        let labelled = -Infinity;
        for (const decision of marks.current) {
          const x = plot.valToPos(seconds(decision), 'x', true);
          if (!(x >= left && x <= left + width)) continue;
          ctx.strokeStyle = ctx.fillStyle = css('--scaled');
          ctx.lineWidth = scale;
          ctx.setLineDash([3 * scale, 3 * scale]);
          ctx.beginPath();
          ctx.moveTo(x, top);
          ctx.lineTo(x, top + height);
          ctx.stroke();
          if (x - labelled < 26 * scale) continue; // would lie over the one before
          labelled = x;
          ctx.fillText(
            `${decision.to > decision.from ? '↑' : '↓'}${decision.to}`,
            Math.min(Math.max(x, left + 10 * scale), left + width - 10 * scale),
            top - 1,
          );
        }
        ctx.restore();
      },
    },
  };
}

function tooltip(lines: Ref<Line[]>, marks: Ref<readonly Decision[]>): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'chart-tip';
  box.hidden = true;
  const put = (className: string, text: string) => {
    const line = document.createElement('div');
    line.className = className;
    line.textContent = text;
    box.append(line);
  };
  return {
    hooks: {
      init: (plot) => {
        plot.over.append(box);
        plot.over.addEventListener('mouseleave', () => (box.hidden = true));
      },
      setCursor: (plot) => {
        const { idx, left } = plot.cursor;
        if (idx === null || idx === undefined || left === undefined || left < 0) {
          box.hidden = true;
          return;
        }
        box.replaceChildren();
        const at = plot.data[0][idx];
        if (at !== undefined) put('when', clock(at * 1000, Date.now()));
        lines.current.forEach((line, i) => {
          const value = plot.data[i + 1]?.[idx];
          if (value !== null && value !== undefined) put('what', `${line.label}: ${line.format(value)}`);
        });
        const near = [...marks.current]
          .map((decision) => ({ decision, far: Math.abs(plot.valToPos(seconds(decision), 'x') - left) }))
          .sort((a, b) => a.far - b.far)[0];
        if (near && near.far < 10) {
          const { decision } = near;
          put(
            'why',
            `${clock(decision.at, Date.now())} scaled ${decision.from} → ${decision.to}: ${decision.message ?? decision.reason}`,
          );
        }
        box.hidden = false;
        const width = plot.over.clientWidth;
        box.style.left = left > width / 2 ? '' : `${left + 12}px`;
        box.style.right = left > width / 2 ? `${width - left + 12}px` : '';
      },
    },
  };
}

/** The course of a number, the newest at the right. */
export function Spark({ values, label }: { values: readonly number[]; label: string }) {
  if (values.length < 2) return <span class="spark" aria-hidden="true" />;
  const most = Math.max(...values, 1);
  const step = 840 / (values.length - 1);
  const points = values.map((value, i) => `${Math.round(i * step)},${Math.round(200 - (value / most) * 180)}`).join(' ');
  return (
    <svg class="spark" viewBox="0 0 840 220" role="img" aria-label={label} preserveAspectRatio="none">
      <polyline points={points} />
    </svg>
  );
}
