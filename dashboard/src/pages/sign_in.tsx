import { useState } from 'preact/hooks';
import { setToken, token } from '../api/client';
import { Logo } from '../ui/shell';

/** Only shown when the gateway has asked for a token. */
export function SignIn() {
  const [typed, setTyped] = useState('');
  const refused = token.value !== '';
  return (
    <main class="sign-in">
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed.trim() !== '') setToken(typed.trim());
        }}
      >
        <h1>
          <Logo /> Drover
        </h1>
        <p>This gateway asks for a token. It is kept in this tab and forgotten with it.</p>
        {refused && (
          <p class="bad" role="alert">
            The gateway did not accept that token: it is not in its tokens file, or has expired.
          </p>
        )}
        <label class="field">
          <span>Token</span>
          <input
            type="password"
            autocomplete="off"
            autofocus
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary" disabled={typed.trim() === ''}>
          Sign in
        </button>
        <p class="muted">No token? Whoever runs the gateway keeps them in the file that --tokens names.</p>
      </form>
    </main>
  );
}
