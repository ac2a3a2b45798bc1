#!/usr/bin/env bash
# The programs and the tests of computing code on a CPU without AVX: code for newer ones must never run there, not even
# as an inline function that the linker kept in its AVX form.
set -euo pipefail
build=${TULU_BUILD_DIR:?}
if ! command -v qemu-x86_64 >/dev/null; then
  echo "SKIPPED: qemu-x86_64 is not installed (Debian: qemu-user)"
  exit 77
fi
if [ "$(uname -m)" != x86_64 ]; then
  echo "SKIPPED: built for $(uname -m), the old CPU here is an x86_64"
  exit 77
fi
old_cpu() { qemu-x86_64 -cpu Nehalem "$@"; }

old_cpu "$build/tests/tulu_tests" --no-intro --source-file='*/tests/core/*,*/tests/scalar/*,*/tests/simd/*,*/tests/kernel/*'
for program in "$build"/examples/*; do
  if [ -f "$program" ] && [ -x "$program" ]; then
    echo "$(basename "$program"): $(old_cpu "$program" --version)"
  fi
done
