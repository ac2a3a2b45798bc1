#!/usr/bin/env bash
# The tests of computing code, cross-compiled for aarch64 and run on an emulated one with all instruction
# sets, then on one with those of every aarch64, which has no neon64_dotprod.
set -euo pipefail
root=${TULU_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
compiler=aarch64-linux-gnu-g++
skip() {
  echo "SKIPPED: $1"
  exit 77
}
command -v "$compiler" >/dev/null || skip "no $compiler (Debian: g++-aarch64-linux-gnu)"
command -v qemu-aarch64 >/dev/null || skip "no qemu-aarch64 (Debian: qemu-user)"
command -v cmake >/dev/null || skip "no cmake"
libraries=$(dirname "$("$compiler" -print-file-name=libc.so.6)")/..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The packages that this build has found or fetched: Debian's xsimd lies where only x86_64 looks for it.
packages=()
for name in Eigen3 xsimd nlohmann_json doctest; do
  folder=$(sed -n "s/^${name}_DIR:PATH=//p" "${TULU_BUILD_DIR:?}/CMakeCache.txt")
  if [ -d "$folder" ]; then
    packages+=("-D${name}_DIR=$folder")
  else
    packages+=("-DFETCHCONTENT_SOURCE_DIR_${name^^}=$TULU_BUILD_DIR/_deps/${name,,}-src")
  fi
done
generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)

cmake -S "$root" -B "$work/build" "${generator[@]}" "${packages[@]}" \
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_BUILD_TYPE=Release -DTULU_WERROR=ON -DTULU_BUILD_EXAMPLES=OFF -DTULU_BUILD_BENCHMARKS=OFF \
  -DTULU_TEST_FOLDERS="core;scalar;simd;kernel" ${TULU_SHARED_DIR:+-DTULU_SHARED_DIR="$TULU_SHARED_DIR"} \
  >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
cmake --build "$work/build" --target tulu_tests --parallel "$(nproc)" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }

for cpu in max cortex-a53; do
  echo "== $cpu"
  qemu-aarch64 -cpu "$cpu" -L "$libraries" "$work/build/tests/tulu_tests" --no-intro
done
