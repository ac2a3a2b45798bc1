#!/usr/bin/env bash
# backend_symbols.sh LIBRARY: a function or object of which the linker keeps one of several must name the backend that
# it is compiled for, lest that of a newer processor is kept for all of them. eigen and neon64 are compiled as everything
# else is. In a name that nm cannot demangle, that of the backend lies behind its length.
set -euo pipefail
library=$1
command -v nm >/dev/null || { echo "SKIPPED: no nm (Debian: binutils)"; exit 77; }
nm -C --defined-only "$library" | awk '
  /^backend_[a-z0-9_]*\.cpp\.o(bj)?:$/ {
    backend = substr($0, 9, index($0, ".") - 9)
    plain = backend == "eigen" || backend == "neon64"
    backends += !plain
    next
  }
  backend == "" || plain || NF < 3 { next }
  $2 ~ /^[WVu]$/ && $3 !~ /^DW\.ref\./ {
    checked++
    if ($0 !~ "tulu::simd::" backend "[^a-z0-9_]" && $3 !~ "^_ZN4tulu.*4simd" length(backend) backend "E") { print backend ": " $0; wrong++ }
  }
  $2 ~ /^[TDBR]$/ && $0 !~ "tulu::kernel::backend_" backend "\\(\\)$" { print backend ": " $0; wrong++ }
  END {
    printf "%d backends, %d symbols, %d without the name of their backend\n", backends, checked, wrong
    if (backend == "") print "no backend in the library"
    exit wrong > 0 || backend == "" || (checked == 0 && backends > 0)
  }'
