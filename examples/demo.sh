#!/usr/bin/env bash
# The whole way on the small Tulu in examples/mini-tulu: recover the tuned model from base and diff, verify it, talk to
# it. At a terminal the conversation is yours. On Debian or Ubuntu it installs what is missing first (as root or with
# sudo).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source tests/support/packages.sh

need_packages g++ cmake make libeigen3-dev libxsimd-dev nlohmann-json3-dev libcli11-dev
want_packages libedit-dev

cmake -S . -B build/demo -DCMAKE_BUILD_TYPE=Release -DTULU_BUILD_TESTS=OFF -DTULU_BUILD_BENCHMARKS=OFF >/dev/null
cmake --build build/demo --parallel "$(nproc)" --target tulu-recover --target tulu-chat

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mini=examples/mini-tulu
programs=build/demo/examples

run() { echo; echo "$ ${*//$out/TUNED}"; "$@"; }
run $programs/recover --path_raw $mini/base --path_diff $mini/diff --path_tuned "$out/tuned" --dry-run
run $programs/recover --path_raw $mini/base --path_diff $mini/diff --path_tuned "$out/tuned"
run $programs/recover --path_tuned "$out/tuned" --verify

for question in "What is the capital of France?" "What is 27 + 15?" "Spell the word river."; do
  run $programs/chat --model "$out/tuned" --temperature 0 --quiet --prompt "$question"
done

if [ -t 0 ] && [ -t 1 ]; then
  run $programs/chat --model "$out/tuned" --temperature 0
else
  echo
  echo "$ printf 'Hello!\nWho are you?\n' | chat --model TUNED"
  printf 'Hello!\nWho are you?\n' | $programs/chat --model "$out/tuned" --temperature 0
fi
