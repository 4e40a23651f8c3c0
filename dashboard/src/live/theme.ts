// Light, dark, or as the system has it.
import { effect, signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'drover-theme';

function stored(): Theme {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'auto';
}

export const theme = signal<Theme>(stored());
const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', () => (systemDark.value = system.matches));

export const isDark = signal(false);

export function followTheme(): void {
  effect(() => {
    isDark.value = theme.value === 'dark' || (theme.value === 'auto' && systemDark.value);
    document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
    if (theme.value === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme.value);
  });
}

export function nextTheme(): void {
  theme.value = theme.value === 'auto' ? 'dark' : theme.value === 'dark' ? 'light' : 'auto';
}

const narrowQuery = matchMedia('(max-width: 760px)');
export const isNarrow = signal(narrowQuery.matches);
narrowQuery.addEventListener('change', () => (isNarrow.value = narrowQuery.matches));
