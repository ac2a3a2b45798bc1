#!/usr/bin/env bash
# Every source is formatted as .clang-format says. `tests/lint.sh --fix` formats them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
format=$(command -v clang-format-14) || {
  echo "SKIPPED: clang-format-14 is not installed"
  exit 77
}
mode=(--dry-run -Werror)
[ "${1:-}" != --fix ] || mode=(-i)
find include tests benchmarks examples cmake \( -name '*.hpp' -o -name '*.cpp' \) -print0 |
  xargs -0 "$format" --style=file "${mode[@]}"
