#!/bin/bash
# Builds the embedded broker when its sources have changed, and prints the path of the program.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
sources=("$here"/../broker/go.{mod,sum})
for file in "$here"/../broker/*.go; do [[ $file == *_test.go ]] || sources+=("$file"); done
hash=$(cat "${sources[@]}" | sha256sum | cut -c1-16)
program=$cache/broker-$hash/drover-broker

if [[ ! -x $program ]]; then
  go=$("$here/go.sh")
  echo "building the embedded broker" >&2
  mkdir -p "$cache"
  staged=$(mktemp -d "$cache/broker-build.XXXXXX")
  trap 'rm -rf "$staged"' EXIT
  (cd "$here/../broker" && GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 "$go" build -trimpath -o "$staged/drover-broker" .) >&2
  mkdir -p "${program%/*}"
  mv "$staged/drover-broker" "$program" # two builds at once end with the same program
fi
echo "$program"
