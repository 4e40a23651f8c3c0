#!/bin/bash
# Runs the queue and the web server; open the address that it prints. Further arguments are `drover run`'s.
set -euo pipefail

drover=$(realpath "${DROVER:-$(dirname "${BASH_SOURCE[0]}")/../../build/release/bin/drover}")
cd "$(dirname "${BASH_SOURCE[0]}")"
../../deps/debian.sh --packages nodejs
export OUT_DIR=${OUT_DIR:-$PWD/out}
node server.mjs &
trap 'kill %1' EXIT
"$drover" run -f queues.yaml "$@"
