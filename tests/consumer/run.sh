#!/usr/bin/env bash
# Builds a project that uses tulu (main.cpp and other.cpp here, copied away from this tree) in all three ways, with each
# compiler that is there: add_subdirectory, FetchContent, and install + find_package.
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
  "$@" >"$work/log" 2>&1 || { echo "FAILED: $what"; cat "$work/log"; exit 1; }
}

# consume COMPILER MODE [OPTION...]
consume() {
  local compiler=$1 mode=$2
  shift 2
  local build=$work/$compiler-$mode
  quietly "$compiler $mode: configure" cmake -S "$work/project" -B "$build" "${generator[@]}" \
    -DCMAKE_CXX_COMPILER="$compiler" -DMODE="$mode" "$@"
  quietly "$compiler $mode: build" cmake --build "$build" --target consumer
  quietly "$compiler $mode: run" "$build/consumer"
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

found=0
for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || { echo "left out: no $compiler"; continue; }
  found=1
  consume "$compiler" subdirectory -DTULU_SOURCE_DIR="$root"
  consume "$compiler" fetch -DFETCHCONTENT_SOURCE_DIR_TULU="$root"
  consume "$compiler" package -DCMAKE_PREFIX_PATH="$work/prefix" -DBACKENDS=ON
done
[ "$found" = 1 ] || { echo "FAILED: neither g++ nor clang++"; exit 1; }

if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH=$work/prefix/share/pkgconfig
  quietly "pkg-config" g++ -std=c++20 "$work"/project/*.cpp -o "$work/with-pkg-config" \
    $(pkg-config --cflags --libs tulu)
  quietly "pkg-config: run" "$work/with-pkg-config"
  echo "ok: g++ pkg-config"
fi
