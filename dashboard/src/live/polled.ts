// Something that is asked for again and again while it is shown and the page is not paused.

import { useSignal, useSignalEffect, type Signal } from '@preact/signals';
import { useCallback, useEffect, useRef } from 'preact/hooks';
import { ApiError, needsToken, token } from '../api/client';
import { paused } from './paused';

export interface Polled<T> {
  value: T | undefined;
  error: ApiError | undefined;
  /** Now, whether paused or not; resolves when the answer is there. */
  again: () => Promise<void>;
}

/** `key` says what is asked for: another one begins anew. An `every` of 0 asks once. */
export function usePolled<T>(key: string, fetcher: (signal: AbortSignal) => Promise<T>, every: number): Polled<T> {
  const value: Signal<{ key: string; value: T } | undefined> = useSignal(undefined);
  const error = useSignal<ApiError | undefined>(undefined);
  const latest = useRef(fetcher);
  latest.current = fetcher;
  const round = useRef(0);
  const keySignal = useSignal(key);
  if (keySignal.peek() !== key) keySignal.value = key;

  const load = useCallback(async (signal: AbortSignal) => {
    const mine = ++round.current;
    const forKey = keySignal.peek();
    try {
      const found = await latest.current(signal);
      if (signal.aborted || mine !== round.current) return;
      value.value = { key: forKey, value: found };
      error.value = undefined;
    } catch (problem) {
      if (signal.aborted || mine !== round.current) return;
      error.value = problem instanceof ApiError ? problem : new ApiError(0, 'Unexpected', String(problem));
    }
  }, []);

  const own = useRef(new AbortController());
  useEffect(() => {
    own.current = new AbortController(); // an effect that runs again has an aborted one
    return () => own.current.abort();
  }, []);

  useSignalEffect(() => {
    void keySignal.value;
    void token.value;
    if (needsToken.value) return undefined;
    const abort = new AbortController();
    let timer = 0;
    const turn = async () => {
      if (!document.hidden) await load(abort.signal);
      if (!abort.signal.aborted && every > 0) timer = window.setTimeout(turn, every);
    };
    if (paused.value && value.peek()?.key === keySignal.value) return undefined;
    if (paused.value) void load(abort.signal);
    else void turn();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  });

  return {
    value: value.value?.key === key ? value.value.value : undefined,
    error: error.value,
    again: () => load(own.current.signal),
  };
}
