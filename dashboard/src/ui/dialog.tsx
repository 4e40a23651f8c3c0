// One dialog at a time, over the page. The browser keeps the focus in it and closes it by Escape.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const content = signal<ComponentChildren>(null);

export function openDialog(children: ComponentChildren): void {
  content.value = children;
}
export function closeDialog(): void {
  content.value = null;
}
export const dialogIsOpen = () => content.peek() !== null;

export function DialogHost() {
  return content.value === null ? null : <Modal>{content.value}</Modal>;
}

function Modal({ children }: { children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    element.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby="dialog-title"
      onClose={closeDialog}
      onClick={(event) => {
        if (event.target === element.current) closeDialog();
      }}
    >
      <div class="dialog">{children}</div>
    </dialog>
  );
}

export function DialogTitle({ children }: { children: ComponentChildren }) {
  return (
    <header class="dialog-title">
      <h2 id="dialog-title">{children}</h2>
      <button type="button" class="plain" aria-label="Close" onClick={closeDialog}>
        ×
      </button>
    </header>
  );
}

/** Before anything that destroys: the name has to be typed. */
export function TypeName({ name, onMatch }: { name: string; onMatch: (matches: boolean) => void }) {
  return (
    <label class="field">
      <span>
        Type <code>{name}</code> to confirm
      </span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        data-testid="type-name"
        onInput={(event) => onMatch(event.currentTarget.value === name)}
      />
    </label>
  );
}

interface ConfirmProps {
  title: string;
  children?: ComponentChildren;
  action: string;
  danger?: boolean;
  typeName?: string;
  askReason?: boolean;
  onConfirm: (reason: string) => Promise<unknown> | void;
}

/** Asks once, with a reason for the audit trail where there is one. */
export function Confirm({ title, children, action, danger, typeName, askReason, onConfirm }: ConfirmProps) {
  const [typed, setTyped] = useState(typeName === undefined);
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  return (
    <form
      onSubmit={async (event) => {
        event.preventDefault();
        if (!typed || busy) return;
        setBusy(true);
        await onConfirm(reason.trim());
        closeDialog();
      }}
    >
      <DialogTitle>{title}</DialogTitle>
      {children}
      {askReason && (
        <label class="field">
          <span>
            Reason <span class="muted">(for the audit trail, optional)</span>
          </span>
          <input type="text" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
      )}
      {typeName !== undefined && <TypeName name={typeName} onMatch={setTyped} />}
      <footer class="dialog-actions">
        <button type="button" onClick={closeDialog}>
          Cancel
        </button>
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={!typed || busy}>
          {action}
        </button>
      </footer>
    </form>
  );
}
