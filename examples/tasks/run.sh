#!/bin/bash
# Starts the service and its queue, submits a task as a browser would, and asks for it until it is done. Arguments are
# `drover run`'s.
set -euo pipefail

drover=$(realpath "${DROVER:-$(dirname "${BASH_SOURCE[0]}")/../../build/release/bin/drover}")
cd "$(dirname "${BASH_SOURCE[0]}")"
../../deps/debian.sh --packages nodejs curl
export OUT_DIR=${OUT_DIR:-$PWD/out} SERVICE_PORT=${SERVICE_PORT:-8090}
service=http://127.0.0.1:$SERVICE_PORT
mkdir -p "$OUT_DIR"

"$drover" run -f queues.yaml "$@" >"$OUT_DIR/run.log" 2>&1 &
trap 'kill $! 2>/dev/null; wait' EXIT
until curl --silent --fail "$service/api/health" >/dev/null; do
  kill -0 $! || { cat "$OUT_DIR/run.log" >&2; exit 1; }
  sleep 0.2
done

echo "POST $service/api/tasks"
task=$(curl --silent --fail --data @text.json "$service/api/tasks")
echo "$task"
[[ $task =~ '"taskId":"'([^\"]+) ]] && id=${BASH_REMATCH[1]}

echo "GET $service/api/tasks/$id"
shown='' state=''
until [[ $state == completed || $state == failed ]]; do
  answer=$(curl --silent --fail "$service/api/tasks/$id")
  [[ $answer =~ '"status":"'([a-z]+) ]] && state=${BASH_REMATCH[1]}
  if [[ $answer != "$shown" ]]; then
    shown=$answer
    echo "$answer"
  fi
  sleep 0.2
done
[[ $state == completed ]]
