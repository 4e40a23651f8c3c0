// JSON Patch (RFC 6902) from what somebody edited: so one edit of an example goes for every job of its group.

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

export interface PatchStep {
  op: 'add' | 'remove' | 'replace';
  path: string;
  value?: Json;
}

export function difference(before: Json, after: Json, path = ''): PatchStep[] {
  if (equal(before, after)) return [];
  if (isObject(before) && isObject(after)) {
    const steps: PatchStep[] = [];
    for (const name of Object.keys(before)) {
      if (!(name in after)) steps.push({ op: 'remove', path: `${path}/${escape(name)}` });
    }
    for (const [name, value] of Object.entries(after)) {
      const place = `${path}/${escape(name)}`;
      if (!Object.prototype.hasOwnProperty.call(before, name)) steps.push({ op: 'add', path: place, value });
      else steps.push(...difference(before[name] as Json, value, place));
    }
    return steps;
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((each, i) => difference(each, after[i] as Json, `${path}/${i}`));
  }
  return [{ op: 'replace', path, value: after }];
}

export function equal(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((each, i) => equal(each, b[i] as Json));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.prototype.hasOwnProperty.call(b, name) && equal(a[name] as Json, b[name] as Json))
  );
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const escape = (name: string) => name.replace(/~/g, '~0').replace(/\//g, '~1');

/** "to is set to "a@b.c"": for people. */
export function inWords(step: PatchStep): string {
  const where =
    step.path === ''
      ? 'the whole payload'
      : step.path.slice(1).replace(/\//g, ' › ').replace(/~1/g, '/').replace(/~0/g, '~');
  if (step.op === 'remove') return `${where} is removed`;
  const value = JSON.stringify(step.value);
  const shown = value.length > 120 ? `${value.slice(0, 117)}…` : value;
  return step.op === 'add' ? `${where} is added: ${shown}` : `${where} becomes ${shown}`;
}

export type Parsed = { ok: true; value: Json } | { ok: false; problem: string };

/** A number that JavaScript would change (an id of 19 digits) is refused: it would be changed in every job. */
export function parseJson(text: string): Parsed {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (error) {
    return { ok: false, problem: `This is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const changed = changedNumber(text);
  if (changed)
    return {
      ok: false,
      problem: `The number ${changed} is too long for a browser to keep; edit this job at the command line`,
    };
  return { ok: true, value };
}

function changedNumber(text: string): string | undefined {
  const withoutStrings = text.replace(/"(?:\\.|[^"\\])*"/g, '""');
  for (const [number] of withoutStrings.matchAll(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g)) {
    if (
      /^-?\d+$/.test(number) ? BigInt(number) !== BigInt(Math.trunc(Number(number))) : !Number.isFinite(Number(number))
    )
      return number;
  }
  return undefined;
}
