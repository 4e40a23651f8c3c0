#!/bin/sh
# Builds the fuzzers, or those that are named, with clang and runs each for SECONDS (default 60) from its seeds. Fails when
# one finds something; the input that did it is kept and named.
#
#   tests/fuzz/run.sh [SECONDS [NAME…]]
#
# DROVER_FUZZ_BUILD names another build folder than build/fuzz, CLANG another compiler than clang++.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${DROVER_FUZZ_BUILD:-$root/build/fuzz}
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=fuzzers
[ $# -gt 0 ] && targets=$(printf 'fuzz_%s ' "$@")

clang=${CLANG:-clang++}
mkdir -p "$build"
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="${clang%++}" \
  -DDROVER_FUZZ=ON -DDROVER_TESTS=OFF -DDROVER_SANITIZE=address,undefined >"$build/configure.log" 2>&1 ||
  { cat "$build/configure.log" >&2; exit 1; }
# shellcheck disable=SC2086  # several names
cmake --build "$build" --target $targets

finds=$(mktemp -d)
# yaml-cpp comes without instrumentation, so what it does to a std::vector looks like an overflow.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_container_overflow=0"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}print_stacktrace=1"
failed=""
for program in "$build"/bin/fuzz_*; do
  name=$(basename "$program" | sed 's/^fuzz_//')
  case " $* " in
    "  " | *" $name "*) ;;
    *) continue ;;
  esac
  mkdir -p "$finds/$name"
  echo "== $name: $seconds s"
  if "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 -verbosity=0 -print_funcs=0 \
    -artifact_prefix="$finds/$name-" "$finds/$name" "$root/tests/fuzz/corpus/$name" >"$finds/$name.log" 2>&1; then
    grep -E 'number_of_executed_units|peak_rss' "$finds/$name.log"
  else
    failed="$failed $name"
    tail -n 60 "$finds/$name.log" >&2
  fi
done
if [ -n "$failed" ]; then
  echo "failed:$failed; the inputs are in $finds" >&2
  exit 1
fi
rm -rf "$finds"
