// A payload as text that can be edited: what is wrong with it, and what is changed.
import type { ComponentChildren } from 'preact';
import { inWords, type PatchStep } from '../core/patch';

interface PayloadFieldProps {
  label: ComponentChildren;
  rows: number;
  text: string;
  onText: (text: string) => void;
  /** Why it is no JSON; undefined: it is. */
  problem: string | undefined;
  steps: PatchStep[] | undefined;
  stepsLabel: string;
}

export function PayloadField({ label, rows, text, onText, problem, steps, stepsLabel }: PayloadFieldProps) {
  return (
    <>
      <label class="field">
        <span>{label}</span>
        <textarea
          class="mono"
          rows={rows}
          spellcheck={false}
          value={text}
          onInput={(event) => onText(event.currentTarget.value)}
        />
      </label>
      {problem !== undefined && (
        <p class="bad" role="alert">
          {problem}
        </p>
      )}
      {steps && steps.length > 0 && (
        <ul class="steps" aria-label={stepsLabel}>
          {steps.map((step) => (
            <li key={step.path}>{inWords(step)}</li>
          ))}
        </ul>
      )}
    </>
  );
}
