// Numbers and times as people read them. All take the time now, so that they are functions of their arguments.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(n: number | undefined): string {
  return n === undefined || !Number.isFinite(n) ? '–' : grouped.format(n);
}

/** 1234567 → 1.2M: for places where a number has four or five characters of room. */
export function short(n: number | undefined): string {
  if (n === undefined || !Number.isFinite(n)) return '–';
  const size = Math.abs(n);
  if (size < 10_000) return grouped.format(n);
  if (size < 999_500) return `${(n / 1e3).toFixed(size < 99_950 ? 1 : 0)}k`;
  return `${(n / 1e6).toFixed(size < 99_950_000 ? 1 : 0)}M`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined || !Number.isFinite(perSecond)) return '–';
  if (perSecond === 0) return '0/s';
  if (perSecond >= 100) return `${short(Math.round(perSecond))}/s`;
  if (perSecond >= 1) return `${perSecond.toFixed(1)}/s`;
  const perMinute = perSecond * 60;
  if (perMinute >= 1) return `${perMinute.toFixed(perMinute < 10 ? 1 : 0)}/min`;
  return `${(perSecond * 3600).toFixed(1)}/h`;
}

/** 0.0512 → 5 %. What is not nothing never reads as nothing. */
export function percent(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) return '–';
  const value = share * 100;
  if (value === 0) return '0 %';
  if (value < 0.1) return '< 0.1 %';
  if (value < 9.95) return `${value.toFixed(1).replace(/\.0$/, '')} %`;
  return `${value >= 99.5 && value < 100 ? '> 99' : Math.round(value)} %`;
}

/** A time that something took, of which two units are enough. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds < 0) seconds = 0;
  if (seconds === 0) return '0 s';
  if (seconds < 0.001) return '< 1 ms';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1).replace(/\.0$/, '')} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(whole / 3600);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function two(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

export function since(time: string | undefined, now: number): number | undefined {
  const at = time === undefined ? NaN : Date.parse(time);
  return Number.isNaN(at) ? undefined : (now - at) / 1000;
}

/** "3 min ago", "in 20 s". */
export function ago(time: string | undefined, now: number): string {
  const seconds = since(time, now);
  if (seconds === undefined) return '–';
  if (Math.abs(seconds) < 1) return 'now';
  const text = coarse(Math.abs(seconds));
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

function coarse(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const pad = (n: number) => String(n).padStart(2, '0');

/** The clock of the reader, with the date where it is not today's. */
export function clock(time: string | number | undefined, now: number): string {
  const at = new Date(time ?? NaN);
  if (Number.isNaN(at.getTime())) return '–';
  const hours = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return at.toDateString() === new Date(now).toDateString()
    ? hours
    : `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${hours}`;
}

/** For the axis of a chart whose lines are `step` seconds apart. */
export function tick(time: number, step: number): string {
  const at = new Date(time);
  if (step >= 12 * 3600) return `${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return clock(time, time).slice(0, step < 60 ? 8 : 5);
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  if (n < 1024 * 1024) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

/** JSON for reading; other text as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The start and the end of an id: enough to know it again. */
export function shortId(id: string): string {
  return id.length <= 18 ? id : `${id.slice(0, 8)}…${id.slice(-6)}`;
}

/** A queue's name without the namespace that most have. */
export function shortQueue(name: string): string {
  return name.startsWith('default.') ? name.slice('default.'.length) : name;
}
