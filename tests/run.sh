#!/usr/bin/env bash
# Builds and tests everything: g++ (Release), then clang++ with AddressSanitizer and UndefinedBehaviorSanitizer.
# On Debian or Ubuntu it installs what is missing first (as root or with sudo). Run it as often as you like.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source tests/support/packages.sh

need_packages g++ clang cmake ninja-build python3 pkgconf \
  libeigen3-dev libxsimd-dev nlohmann-json3-dev libcli11-dev doctest-dev libbenchmark-dev
want_packages clang-format-14 qemu-user g++-aarch64-linux-gnu libedit-dev python3-sentencepiece
# Debian keeps the sanitizers' run time apart from clang.
if ! echo 'int main() {}' | clang++ -x c++ -fsanitize=address,undefined -o /dev/null - 2>/dev/null; then
  need_packages libclang-rt-dev
fi

jobs=$(nproc)
summaries=()
failed=0

# build_and_test BUILD_FOLDER PRESET: a failing build ends the script, a failing test only makes it fail at the end.
build_and_test() {
  local start=$SECONDS built
  echo "== $2: build"
  cmake --preset "$2" -G Ninja >"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
  cmake --build "$1" --parallel "$jobs"
  built=$SECONDS
  echo "== $2: test"
  ctest --test-dir "$1" --output-on-failure --parallel "$jobs" | tee "$1/ctest.log" || failed=1
  summaries+=("$2: $(grep -E '^[0-9]+% tests passed' "$1/ctest.log" || echo 'ctest did not finish')")
  summaries+=("$2: build: $((built - start)) s, tests: $((SECONDS - built)) s")
  local skipped
  skipped=$(sed -n 's/^.*Test *#[0-9]*: \([^ ]*\) .*\*\*\*Skipped.*$/\1/p' "$1/ctest.log" | tr '\n' ' ')
  [ -z "$skipped" ] || summaries+=("$2: SKIPPED: $skipped")
}

build_and_test build dev
build_and_test build-clang-asan asan

echo
printf '%s\n' "${summaries[@]}"
exit "$failed"
