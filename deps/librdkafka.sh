#!/bin/bash
# Builds librdkafka as a static library, once, and prints the folder with its include/ and lib/.
# Debian 12 has 2.0.2, which loses assignments and hangs on close; docs/dependencies.md has the list.
# --tsan: the same for programs under the thread sanitizer, in a folder of its own.
# Instant when the library is there. Needs the packages of debian.txt, and a cargo, which it installs where there is none.
set -euo pipefail

version=2.12.1
revision=7 # of our patches: one more with each change of them
crate="rdkafka-sys-4.10.0+$version" # the version and hash are pinned in librdkafka/Cargo.lock
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
prefix=$cache/librdkafka-$version-$revision
flags="-fPIC -O2 -g" threads=()
if [[ ${1:-} == --tsan ]]; then
  prefix+=-tsan
  # The sanitizer of g++ 12 does not know C11's thrd_create: a thread made with it crashes.
  flags+=" -fsanitize=thread" threads=(--disable-c11threads)
fi

[[ -f $prefix/lib/librdkafka.a ]] && { echo "$prefix"; exit 0; }

mkdir -p "$cache"
exec 9>"$cache/librdkafka.lock"
flock 9 # two builds at once: the second one finds what the first one made
[[ -f $prefix/lib/librdkafka.a ]] && { echo "$prefix"; exit 0; }

build=$(mktemp -d "$cache/librdkafka-build.XXXXXX")
trap 'rm -rf "$build"' EXIT

cargo_is_new_enough() {
  local minor
  minor=$(cargo --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\)\..*/\1/p')
  [[ -n $minor && $minor -ge 74 ]]
}

# Debian 12's own cargo is too old for today's registry; cargo-web is the one that Debian keeps current for its browsers.
cargo_is_new_enough || "$here/debian.sh" --packages cargo-web >&2

echo "librdkafka $version: fetching the sources" >&2
cp "$here"/librdkafka/Cargo.{toml,lock} "$build"
(cd "$build" && cargo fetch --quiet --locked) >&2
sources=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -type d -name "$crate" -print -quit)
[[ -n $sources ]] || { echo "librdkafka.sh: cargo fetched no $crate" >&2; exit 1; }
cp -r "$sources/librdkafka" "$build/librdkafka"
cat "$here"/librdkafka/*.patch | patch --quiet -p1 -d "$build/librdkafka" >&2

echo "librdkafka $version: building, about a minute" >&2
log=$cache/librdkafka-build.log
if ! (
  cd "$build/librdkafka"
  # What Drover promises to its users must not depend on what configure happens to find: --enable makes it required.
  ./configure --prefix="$prefix" --libdir="$prefix/lib" --CFLAGS="$flags" "${threads[@]}" \
    --enable-static --disable-gssapi --disable-curl --enable-ssl --enable-zstd --enable-zlib --disable-lz4-ext # lz4 is inside
  make -j"$(nproc)" -C src librdkafka.a
) >"$log" 2>&1 </dev/null; then
  tail -n 30 "$log" >&2
  echo "librdkafka.sh: the build failed; all of it is in $log" >&2
  exit 1
fi

for feature in WITH_SSL WITH_ZSTD WITH_ZLIB WITH_SASL_SCRAM; do
  grep -q "define $feature 1" "$build/librdkafka/config.h" ||
    { echo "librdkafka.sh: built without $feature; all of the build is in $log" >&2; exit 1; }
done

staged=$build/staged
mkdir -p "$staged/include/librdkafka" "$staged/lib"
cp "$build"/librdkafka/src/rdkafka{,_mock}.h "$staged/include/librdkafka/"
cp "$build/librdkafka/src/librdkafka.a" "$staged/lib/"
rm -rf "$prefix"
mv "$staged" "$prefix"
echo "$prefix"
