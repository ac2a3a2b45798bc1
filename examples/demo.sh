#!/usr/bin/env bash
# The main job on the small base and diff in examples/data: recover the tuned model, verify it, compare its digest with
# the one that is committed beside them. On Debian or Ubuntu it installs what is missing first (as root or with sudo).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source tests/support/packages.sh

need_packages g++ cmake make libeigen3-dev libxsimd-dev nlohmann-json3-dev libcli11-dev

cmake -S . -B build/demo -DCMAKE_BUILD_TYPE=Release -DTULU_BUILD_TESTS=OFF -DTULU_BUILD_BENCHMARKS=OFF >/dev/null
cmake --build build/demo --parallel "$(nproc)" --target tulu-recover

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
data=examples/data
recover=build/demo/examples/recover

run() { echo; echo "$ ${*//$out/TUNED}"; "$@"; }
run "$recover" --path_raw $data/base --path_diff $data/diff --path_tuned "$out/tuned" --dry-run
run "$recover" --path_raw $data/base --path_diff $data/diff --path_tuned "$out/tuned"
run "$recover" --path_tuned "$out/tuned" --verify

echo
expected=$(tr -d '[:space:]' <$data/tensor_digest.txt)
if ! grep -q "\"tensor_digest\": \"$expected\"" "$out/tuned/tulu_manifest.json"; then
  echo "error: $data/tensor_digest.txt: expected $expected, found another digest in the manifest" >&2
  exit 1
fi
echo "The recovered tensors are the expected ones: $expected"
