// Why a queue was scaled, in words: the message where there is one, else the reason's name taken apart.

const WORDS: Record<string, string> = {
  Arrivals: 'more jobs arrive than the workers do',
  Backlog: 'the backlog would not be done within the target wait',
  Idle: 'nothing to do for scaling.idleAfter',
  Awake: 'a job came to a queue that slept',
};

export function reasonInWords(decision: { reason: string; message?: string }): string {
  return (
    decision.message ||
    WORDS[decision.reason] ||
    decision.reason.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
  );
}
