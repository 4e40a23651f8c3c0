#!/bin/bash
# Runs the five workers on the license texts that every Debian system has. Further arguments are `drover run`'s.
set -euo pipefail

drover=$(realpath "${DROVER:-$(dirname "${BASH_SOURCE[0]}")/../../build/release/bin/drover}")
cd "$(dirname "${BASH_SOURCE[0]}")"
../../deps/debian.sh --packages nodejs openjdk-17-jre-headless python3 socat
PATH=$(dirname "$(../../deps/go.sh)"):$PATH

submit=()
for language in python node go java shell; do
  submit+=(--submit "checksum-$language=/usr/share/common-licenses/*")
done
exec "$drover" run -f queues.yaml --until-idle --paths "${submit[@]}" "$@"
