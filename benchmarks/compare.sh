#!/usr/bin/env bash
# Times tulu beside llama.cpp, and transformers where it is installed, on the same weights in turn in one run; writes the
# figures, a table and a plot to benchmarks/results and, with --readme, into README.md.
#   benchmarks/compare.sh --dir FOLDER [OPTION...]      benchmarks/compare.sh --help lists them
# All that is built, downloaded or made goes to FOLDER. Needs python3 with pip, cmake, a C++ compiler and tulu's packages.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec python3 -B "$here/compare.py" "$@"
