// What is looked for in a queue's jobs: from the address, and in words.

import { STATES, type Filter } from './types';

const FIELDS = ['state', 'type', 'error', 'label', 'text', 'payload', 'from', 'before'] as const;

export function filterOf(query: Record<string, string>): Filter {
  const filter: Filter = {};
  for (const field of FIELDS) {
    const value = query[field]?.trim();
    if (value) filter[field] = value;
  }
  if (filter.state !== undefined) {
    const states = filter.state.split(',').filter((each) => (STATES as readonly string[]).includes(each));
    if (states.length > 0) filter.state = states.join(',');
    else delete filter.state;
  }
  return filter;
}

export function filterInWords(filter: Filter): string {
  if (filter.ids) return filter.ids.length === 1 ? 'one job' : `the ${filter.ids.length} selected jobs`;
  const parts: string[] = [];
  if (filter.type) parts.push(`of type ${filter.type}`);
  if (filter.error) parts.push(`with error ${filter.error}`);
  if (filter.label) parts.push(`labelled ${filter.label}`);
  if (filter.text) parts.push(`with “${filter.text}” in them`);
  if (filter.payload) parts.push(`with “${filter.payload}” in their payload`);
  if (filter.from) parts.push(`submitted from ${filter.from}`);
  if (filter.before) parts.push(`submitted before ${filter.before}`);
  const state = filter.state ? filter.state.split(',').join(' or ') : '';
  return `${state === '' ? 'all' : `all ${state}`} jobs${parts.length > 0 ? ` ${parts.join(', ')}` : ''}`;
}

/** Which states an action applies to: others are passed over by it. */
export const APPLIES: Record<string, readonly string[]> = {
  retry: ['failed'],
  cancel: ['waiting', 'delayed', 'active', 'retrying'],
  delete: ['completed', 'failed', 'cancelled'],
};

/** The filter, narrowed to what the action can do something about. Nothing: no state is left, or it is about payloads. */
export function narrowed(filter: Filter, action: string): Filter | undefined {
  if (filter.payload) return undefined;
  const applies = APPLIES[action] ?? [];
  const states = filter.state ? filter.state.split(',').filter((each) => applies.includes(each)) : [...applies];
  return states.length === 0 ? undefined : { ...filter, state: states.join(',') };
}
