#!/usr/bin/env bash
# The build without any installed package: each dependency comes by FetchContent, here from a folder laid out like its
# source tree, with links to the headers found in INCLUDE_FOLDERS (separated by colons). No network.
set -euo pipefail
root=${TULU_SOURCE_DIR:?}
include_folders=$(IFS=:; echo "$*"):/usr/include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
generator=()
! command -v ninja >/dev/null || generator=(-G Ninja)
options=(-DFETCHCONTENT_FULLY_DISCONNECTED=ON -DTULU_WERROR=ON)

# source_tree PACKAGE HEADER_FOLDER [FOLDER_IN_THE_TREE]
source_tree() {
  local folder tree=$work/$1
  mkdir -p "$tree/${3:-}"
  # Its own CMake code must not be used.
  echo 'message(FATAL_ERROR "the CMakeLists.txt of a header-only dependency was run")' >"$tree/CMakeLists.txt"
  options+=("-DCMAKE_DISABLE_FIND_PACKAGE_$1=ON" "-DFETCHCONTENT_SOURCE_DIR_${1^^}=$tree")
  for folder in ${include_folders//:/ }; do
    if [ -d "$folder/$2" ]; then
      ln -s "$folder/$2" "$tree/${3:-}/$2"
      return
    fi
  done
  echo "SKIPPED: no $2/ in $include_folders"
  exit 77
}

source_tree Eigen3 Eigen
source_tree xsimd xsimd include
source_tree nlohmann_json nlohmann include
source_tree CLI11 CLI include
source_tree doctest doctest
mkdir "$work/benchmark"
echo 'add_library(benchmark INTERFACE)
add_library(benchmark::benchmark ALIAS benchmark)' >"$work/benchmark/CMakeLists.txt"
options+=(-DCMAKE_DISABLE_FIND_PACKAGE_benchmark=ON "-DFETCHCONTENT_SOURCE_DIR_BENCHMARK=$work/benchmark")

# expect WHAT TEXT: the log of the last command has TEXT.
expect() { grep -qF -- "$2" "$work/log" || { echo "FAILED: $1: no '$2' in"; cat "$work/log"; exit 1; }; }

cmake -S "$root" -B "$work/build" "${generator[@]}" "${options[@]}" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
for package in Eigen3 xsimd nlohmann_json CLI11 doctest benchmark; do
  expect configure "tulu: no package $package"
done
expect configure "tulu: install is off: not an installed package: Eigen3;xsimd;nlohmann_json"
cmake --build "$work/build" --target tulu_odr >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$work/build/tests/tulu_odr"
echo "ok: everything fetched"

if cmake -S "$root" -B "$work/build" "${options[@]}" -DTULU_INSTALL=ON >"$work/log" 2>&1; then
  echo "FAILED: TULU_INSTALL=ON is taken with fetched dependencies"
  exit 1
fi
expect install "TULU_INSTALL needs each dependency as an installed package"
echo "ok: no install with fetched dependencies"

# A project around tulu, with one dependency fetched: that it can be generated shows that the target is found.
cmake -S "$root/tests/consumer" -B "$work/consumer" "${generator[@]}" -DMODE=subdirectory -DTULU_SOURCE_DIR="$root" \
  -DFETCHCONTENT_FULLY_DISCONNECTED=ON -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON \
  -DFETCHCONTENT_SOURCE_DIR_NLOHMANN_JSON="$work/nlohmann_json" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
expect consumer "tulu: no package nlohmann_json"
echo "ok: a consumer with nlohmann_json fetched"
