#!/usr/bin/env bash
# The programs and the tests of computing code on CPUs without AVX, one of them without SSE4.2: code for newer ones must
# never run there, not even as an inline function that the linker kept in its AVX form.
set -euo pipefail
build=${TULU_BUILD_DIR:?}
source=${TULU_SOURCE_DIR:?}
if ! command -v qemu-x86_64 >/dev/null; then
  echo "SKIPPED: qemu-x86_64 is not installed (Debian: qemu-user)"
  exit 77
fi
if [ "$(uname -m)" != x86_64 ]; then
  echo "SKIPPED: built for $(uname -m), the old CPU here is an x86_64"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $1"; exit 1; }

# on_cpu CPU BACKENDS TESTS: the tests of these folders; the programs; the model with each backend, best first.
on_cpu() {
  local cpu=$1 expected=$2 folders=$3 program backend found
  local run=(qemu-x86_64 -cpu "$cpu")
  echo "== $cpu"
  "${run[@]}" "$build/tests/tulu_tests" --no-intro --source-file="$folders"
  for program in "$build"/examples/*; do
    if [ -f "$program" ] && [ -x "$program" ]; then
      found=$("${run[@]}" "$program" --version) || fail "$cpu: $(basename "$program") --version"
      echo "$(basename "$program"): $found"
    fi
  done
  if [ -x "$build/examples/chat" ]; then
    found=$("${run[@]}" "$build/examples/chat" --list-backends | tr '\n' ' ')
    [ "$found" = "$expected " ] || fail "$cpu: expected the backends '$expected', found '$found'"
  fi
  if [ -x "$build/examples/logits" ]; then
    logits=("${run[@]}" "$build/examples/logits" --model "$source/examples/data/base" --ids-file "$work/ids" --quiet)
    for backend in $expected; do
      "${logits[@]}" --backend "$backend" --out "$work/$backend.npy" >"$work/log" 2>&1 || { cat "$work/log"; fail "$cpu: $backend"; }
    done
    "${logits[@]}" --out "$work/best.npy" >"$work/log" 2>&1 || { cat "$work/log"; fail "$cpu: no backend chosen"; }
    cmp "$work/best.npy" "$work/${expected%% *}.npy" || fail "$cpu: the best backend is not the first of the list"
    if "${logits[@]}" --backend avx2 --out "$work/avx2.npy" >"$work/log" 2>&1; then fail "$cpu: runs avx2"; fi
    grep -q '^error: .*avx2' "$work/log" || { cat "$work/log"; fail "$cpu: avx2 is not refused by name"; }
  fi
}

echo "1 5 9 2 7 7 3 4 8 6 1 5" >"$work/ids"  # more tokens than one product with few of them takes
on_cpu Nehalem "sse4_2 portable eigen" '*/tests/core/*,*/tests/scalar/*,*/tests/simd/*,*/tests/kernel/*'
on_cpu core2duo "portable eigen" '*/tests/scalar/*,*/tests/simd/*,*/tests/kernel/*'
