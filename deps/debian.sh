#!/bin/bash
# debian.sh                     installs what building and running Drover needs (debian.txt)
# debian.sh --tests             and what its tests and checks need (debian-tests.txt)
# debian.sh --cluster           and what a Kubernetes node for tests needs (debian-cluster.txt)
# debian.sh --packages NAME...  installs these
# Asks dpkg first: without a missing package it starts nothing else, needs no root, and takes some 20 ms.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
listed() { sed 's/#.*//' "$@" | tr -s ' \t' '\n' | sed '/^$/d'; }

case ${1:-} in
"") mapfile -t wanted < <(listed "$here/debian.txt") ;;
--tests) mapfile -t wanted < <(listed "$here/debian.txt" "$here/debian-tests.txt") ;;
--cluster) mapfile -t wanted < <(listed "$here/debian.txt" "$here/debian-tests.txt" "$here/debian-cluster.txt") ;;
--packages) shift && wanted=("$@") ;;
*) sed -n '2,6s/^# //p' "$0" >&2 && exit 2 ;;
esac

command -v dpkg-query >/dev/null || {
  echo "debian.sh: this is no Debian system; install by hand what corresponds to: ${wanted[*]}" >&2
  exit 1
}

# Names every wanted package that is not installed. A program that is there without its package (Node.js from its
# makers, Python from pyenv) counts: installing a second one over it would break more than it mends.
missing=()
declare -A installed=()
while read -r status name; do
  [[ $status == installed ]] && installed[$name]=1
done < <(dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null)
declare -A program_of=([nodejs]=node [npm]=npm [python3]=python3 [maven]=mvn [openjdk-17-jre-headless]=java)
for package in "${wanted[@]}"; do
  [[ -n ${installed[$package]:-} ]] && continue
  program=${program_of[$package]:-}
  [[ -n $program ]] && command -v "$program" >/dev/null && continue
  missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || {
    echo "debian.sh: not root and no sudo here; as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

log=$(mktemp /tmp/drover-debian.XXXXXX)
echo "installing from Debian's packages: ${missing[*]}" >&2
if ! {
  "${as_root[@]}" apt-get update -q &&
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
} >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "debian.sh: the installation failed; all of what apt said is in $log" >&2
  exit 1
fi
rm "$log"
