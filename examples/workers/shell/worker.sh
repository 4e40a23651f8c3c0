#!/bin/bash
# A Drover worker in bash. A job is the absolute path of a file; its result is the file's SHA-256. socat listens (Debian:
# socat) and runs this script again for each connection, which then is its stdin and stdout: one job after the other.
set -uo pipefail

if [[ ${1:-} != connection ]]; then
  IN_HAND=$(mktemp) && export IN_HAND # whoever has a job in hand holds a shared lock on this file
  socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,nodelay,backlog=64,fork" "EXEC:bash $0 connection,nofork" &
  listener=$!
  trap 'kill "$listener" 2>/dev/null' TERM INT
  wait "$listener" # until it fails, or a signal comes
  code=$?
  flock --exclusive "$IN_HAND" rm "$IN_HAND" # when every job is answered
  exit $((code > 128 ? 0 : code))            # 128 + the signal
fi

trap '' TERM INT  # the job is finished first
export LC_ALL=C   # a character is a byte
exec 9<"$IN_HAND"

answer() { # status, text, class of the error
  printf 'HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s' "$1" "${3:+Drover-Error: $3$'\r\n'}" ${#2} "$2"
}

work() { # the path
  if [[ $1 != /* || ${#1} != "$length" ]]; then # a NUL byte is lost in bash
    answer '422 Refused' 'the payload has to be the absolute path of a file' InvalidPath
  elif [[ ! -e $1 ]]; then # yet
    answer '503 Later' "$1: no such file" FileNotFound
  elif [[ ! -f $1 ]]; then
    answer '422 Refused' "$1 is no regular file" NotAFile
  elif sha256=$(sha256sum <"$1") && bytes=$(stat -Lc %s "$1"); then
    sha256=${sha256%% *}
    echo "$sha256  $1" >&2
    answer '200 OK' "{\"sha256\":\"$sha256\",\"bytes\":$bytes}"
  else
    answer '503 Later' "$1 cannot be read" FileNotReadable
  fi
}

while IFS= read -r _; do # POST / HTTP/1.1
  flock --shared 9
  length=0
  while IFS= read -r header && header=${header%$'\r'} && [[ -n $header ]]; do
    [[ ${header,,} == content-length:* ]] && length=$((10#${header//[^0-9]/}))
  done
  path=$(head -c "$length" && echo .) # the dot keeps newlines at the end
  path=${path%.}
  work "$path"
  flock --unlock 9
done
