#!/bin/bash
# Prints the program schemathesis, which asks an API all that its OpenAPI document allows, and what it forbids. From PyPI, once.
set -euo pipefail

pinned=4.32.5
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=$cache/schemathesis-$pinned

if [[ ! -x $home/bin/schemathesis ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/schemathesis.lock"
  flock 9
  if [[ ! -f $home/whole ]]; then
    /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || "$here/debian.sh" --packages python3-venv >&2
    rm -rf "$home"
    /usr/bin/python3 -m venv "$home" # its programs name the folder, so it is made where it stays
    "$home/bin/pip" --quiet --disable-pip-version-check install "schemathesis==$pinned" >&2
    touch "$home/whole"
  fi
fi
echo "$home/bin/schemathesis"
