// Who may do what, as gateway/core/access.h has it. The gateway decides; the page only leaves out what it would refuse.

import type { Me, Role } from './types';

const GRANTS: Record<Role, readonly Role[]> = {
  submit: ['submit'],
  view: ['view'],
  operate: ['operate', 'view', 'submit'],
  admin: ['admin', 'operate', 'view', 'submit'],
};

export function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === name;
  const first = parts[0] ?? '';
  const last = parts[parts.length - 1] ?? '';
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > name.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}

/** `me` undefined: the gateway does not say, so it will when it is asked to do something. Without a queue: on any. */
export function may(me: Me | undefined, role: Role, queue?: string): boolean {
  if (!me || me.open) return true;
  return Object.entries(me.roles).some(
    ([pattern, roles]) =>
      (queue === undefined || matches(pattern, queue)) && roles.some((has) => GRANTS[has]?.includes(role)),
  );
}
