#!/bin/bash
# Fetches the feeds that sources/ names, and summarises what is in them. Further arguments are `drover run`'s.
set -euo pipefail

drover=$(realpath "${DROVER:-$(dirname "${BASH_SOURCE[0]}")/../../build/release/bin/drover}")
cd "$(dirname "${BASH_SOURCE[0]}")"
../../deps/debian.sh --packages python3
export OUT_DIR=${OUT_DIR:-$PWD/out}

"$drover" run -f queues.yaml --until-idle --submit 'rss-fetch=./sources/*.json' "$@"
echo
tail -n +1 "$OUT_DIR"/articles/*.md
