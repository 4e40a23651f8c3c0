// Who is looking, and what they may do.

import { effect, signal } from '@preact/signals';
import { get, needsToken, token } from '../api/client';
import { may as mayBe } from '../core/roles';
import type { Me, Role } from '../core/types';

export const me = signal<Me | undefined>(undefined);

export function followSession(): void {
  effect(() => {
    void token.value;
    if (needsToken.value) return;
    get<Me>('/v1/me').then(
      (found) => (me.value = found),
      () => (me.value = undefined), // a gateway that does not say so will refuse what is not allowed
    );
  });
}

export const may = (role: Role, queue?: string) => mayBe(me.value, role, queue);
