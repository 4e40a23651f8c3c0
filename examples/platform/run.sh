#!/bin/bash
# Runs the eight queues with the jobs of demo.json. Further arguments are `drover run`'s. The mail server is $SMTP_URL, or
# one of our own, which keeps what it gets in out/mail.
set -euo pipefail

drover=$(realpath "${DROVER:-$(dirname "${BASH_SOURCE[0]}")/../../build/release/bin/drover}")
cd "$(dirname "${BASH_SOURCE[0]}")"
../../deps/debian.sh --packages nodejs python3 python3-pil python3-aiosmtpd
# Debian's Python has Debian's packages; a version manager's, which may come first on the PATH, has not.
PATH=/usr/bin:$(dirname "$(../../deps/go.sh)"):$PATH
export OUT_DIR=${OUT_DIR:-$PWD/out}

if [[ -z ${SMTP_URL:-} ]]; then
  export SMTP_URL=smtp://127.0.0.1:8025
  mkdir -p "$OUT_DIR"
  python3 -m aiosmtpd --nosetuid --listen "${SMTP_URL#smtp://}" --class aiosmtpd.handlers.Mailbox "$OUT_DIR/mail" &
  trap 'kill %1' EXIT
fi
"$drover" run -f queues.yaml -f demo.yaml --until-idle --submit 'demo=./demo.json' "$@"
echo "what the workers made is in $OUT_DIR"
