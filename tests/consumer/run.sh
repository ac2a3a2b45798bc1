#!/usr/bin/env bash
# Builds a project that uses tulu (main.cpp and other.cpp here, copied away from this tree) in all three ways:
# add_subdirectory, FetchContent, and install + find_package, this one with each compiler that is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${TULU_SOURCE_DIR:-$(cd "$here/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)

mkdir "$work/project"
cp "$here"/CMakeLists.txt "$here"/*.cpp "$work/project/"

# quietly WHAT COMMAND...: the output only when it fails.
quietly() {
  local what=$1
  shift
  local log
  log=$(mktemp -p "$work")
  "$@" >"$log" 2>&1 || { echo "FAILED: $what"; cat "$log"; exit 1; }
}

# consume COMPILER MODE [OPTION...]
consume() {
  local compiler=$1 mode=$2
  shift 2
  local build=$work/$compiler-$mode
  quietly "$compiler $mode: configure" cmake -S "$work/project" -B "$build" "${generator[@]}" \
    -DCMAKE_CXX_COMPILER="$compiler" -DMODE="$mode" "$@"
  quietly "$compiler $mode: build" cmake --build "$build" --target consumer
  quietly "$compiler $mode: run" "$build/consumer" "$root/examples/data/base"
  echo "ok: $compiler $mode"
}

# Installed, then moved: nothing in the package may remember where it was made.
quietly "configure tulu" cmake -S "$root" -B "$work/tulu-build" "${generator[@]}" -DTULU_INSTALL=ON \
  -DTULU_BUILD_TESTS=OFF -DTULU_BUILD_EXAMPLES=OFF -DTULU_BUILD_BENCHMARKS=OFF
quietly "install tulu" cmake --install "$work/tulu-build" --prefix "$work/first"
mv "$work/first" "$work/prefix"
if grep -rlF -e "$root" -e "$work" "$work/prefix"; then
  echo "FAILED: these installed files name the folder tulu was built in"
  exit 1
fi

# One compiler after the other would leave processors idle: each builds two files. clang++ needs half the time.
quicker=$(command -v clang++ >/dev/null && echo clang++ || echo g++)
compilers=()
first=
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || { echo "left out: no $compiler"; continue; }
  first=${first:-$compiler}
  (
    # The first two ways compile the same files. The backends are built by both compilers elsewhere; here it counts that
    # the package has all of them, so that they are not optimised.
    options=()
    [ "$compiler" != "$first" ] || consume "$compiler" subdirectory -DTULU_SOURCE_DIR="$root"
    if [ "$compiler" = "$quicker" ]; then
      consume "$compiler" fetch -DFETCHCONTENT_SOURCE_DIR_TULU="$root"
      options=(-DBACKENDS=ON -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=)
    fi
    consume "$compiler" package -DCMAKE_PREFIX_PATH="$work/prefix" "${options[@]}"
  ) &
  compilers+=($!)
done
[ ${#compilers[@]} -gt 0 ] || { echo "FAILED: neither g++ nor clang++"; exit 1; }
failed=0
for job in "${compilers[@]}"; do wait "$job" || failed=1; done
[ "$failed" = 0 ] || exit 1

if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH=$work/prefix/share/pkgconfig
  quietly "pkg-config" "$first" -std=c++20 "$work/project/other.cpp" -c -o "$work/other.o" $(pkg-config --cflags tulu)
  echo "ok: pkg-config"
fi
