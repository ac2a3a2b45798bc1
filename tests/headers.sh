#!/usr/bin/env bash
# headers.sh COMPILER INCLUDE_FOLDER PACKAGE_FOLDERS...: every header compiles alone, and when it is included twice. With
# clang++ where there is one, which takes half the time. PACKAGE_FOLDERS are lists with colons between.
set -euo pipefail
export compiler=$1 include=$2
shift 2
! command -v clang++ >/dev/null || compiler=clang++
packages=$(printf '%s:' "$@" | tr ':' '\n' | sort -u | sed '/^$/d; /^\/usr\/include$/d; s/^/-isystem/')
export packages
check() {
  printf '#include <%s>\n' "$1" "$1" | "$compiler" -std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion \
    -Wshadow -Werror "-I$include" $packages -x c++ - || { echo "$1 does not compile alone"; return 1; }
}
export -f check
cd "$include"
find tulu -name '*.hpp' | sort | xargs -P "$(nproc)" -I{} bash -c 'check "$1"' _ {}
echo "$(find tulu -name '*.hpp' | wc -l) headers"
