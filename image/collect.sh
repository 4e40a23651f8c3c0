#!/bin/bash
# collect.sh PROGRAM FOLDER  puts all files of Drover's image into the new FOLDER: a built drover, the shared libraries
#                            that it loads, CA certificates and time zones of this machine, its user, licenses
# The Containerfile and the tests call it, so that both have the same image.
set -euo pipefail
umask 022 # any user has to be able to read it

(($# == 2)) || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
program=$1 root=$2
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[[ -x $program ]] || { echo "collect.sh: there is no program $program" >&2; exit 1; }
mkdir "$root"

add() { install -D --mode="$1" "$2" "$root$3"; }

install -D --strip --mode=755 "$program" "$root/usr/bin/drover"
listed=$(ldd "$program")
if grep "not found" <<<"$listed" >&2; then exit 1; fi
mapfile -t libraries < <(grep -o '/[^ ]* (0x' <<<"$listed" | cut -d' ' -f1)
for library in "${libraries[@]}"; do
  add 755 "$library" "$library"
  # Debian's licenses ask to be passed on. dpkg may know a library by its place before /lib became a link to /usr/lib.
  found=$(dpkg-query --search "$library" "/usr$library" "${library#/usr}" 2>/dev/null || true)
  package=${found%%:*}
  [[ -n $package ]] || { echo "collect.sh: no package has $library" >&2; exit 1; }
  add 644 "/usr/share/doc/$package/copyright" "/usr/share/doc/$package/copyright"
done
add 644 "$top/LICENSE" /usr/share/doc/drover/copyright

add 644 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
add 644 /usr/share/doc/ca-certificates/copyright /usr/share/doc/ca-certificates/copyright
mkdir -p "$root/usr/lib/ssl"
ln -s /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem" # where Debian's OpenSSL looks by itself

# Schedules have time zones. Not the machine's own, and none with leap seconds.
mkdir -p "$root/usr/share/zoneinfo"
tar --create --directory=/usr/share/zoneinfo --exclude=./localtime --exclude=./posix --exclude=./right . |
  tar --extract --no-same-owner --directory="$root/usr/share/zoneinfo"
add 644 /usr/share/doc/tzdata/copyright /usr/share/doc/tzdata/copyright

# A pod's /etc/hosts counts before its DNS.
echo "hosts: files dns" | install -D --mode=644 /dev/stdin "$root/etc/nsswitch.conf"
echo "drover:x:65532:65532::/:/usr/bin/drover" | install -D --mode=644 /dev/stdin "$root/etc/passwd"
echo "drover:x:65532:" | install -D --mode=644 /dev/stdin "$root/etc/group"
