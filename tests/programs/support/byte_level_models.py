"""Small byte-level models that tokenizers trains on mixed words of languages.txt: one for each way to split text."""

import json
import subprocess

from support import small_models

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")  # fmt: skip
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def byte_level(use_regex, prefix=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": use_regex}


def after(step):
    return {"type": "Sequence", "pretokenizers": [step, byte_level(step["type"] == "Digits")]}


def split(pattern):
    return after({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False})


MODELS = {
    "gpt2": {"pre_tokenizer": byte_level(True)},
    "gpt2_prefix": {"pre_tokenizer": byte_level(True, prefix=True)},
    "llama3": {"pre_tokenizer": split(LLAMA3), "ignore_merges": True},
    "qwen2": {"pre_tokenizer": split(QWEN2)},
    "smollm": {"pre_tokenizer": after({"type": "Digits", "individual_digits": True})},
    "smollm_few_bytes": {"pre_tokenizer": after({"type": "Digits", "individual_digits": True}), "all_bytes": False},
    "whole": {"pre_tokenizer": byte_level(False)},
}
TRAINER = """
import json, sys
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
request = json.load(sys.stdin)
root = json.loads(Tokenizer(models.BPE()).to_str())
root["pre_tokenizer"] = request["options"]["pre_tokenizer"]
tokenizer = Tokenizer.from_str(json.dumps(root))
tokenizer.decoder = decoders.ByteLevel()
alphabet = sorted(pre_tokenizers.ByteLevel.alphabet()) if request["options"].get("all_bytes", True) else []
trainer = trainers.BpeTrainer(vocab_size=2500, special_tokens=["<s>", "</s>", "<|user|>"], initial_alphabet=alphabet,
                              show_progress=False)
tokenizer.train_from_iterator(request["lines"], trainer)
root = json.loads(tokenizer.to_str())
if request["options"].get("ignore_merges"):
    root["model"].update(ignore_merges=True, merges=root["model"]["merges"][:-300])
with open(request["path"], "w", encoding="utf-8") as file:
    json.dump(root, file, ensure_ascii=False)
"""


def train(python, name, path):
    """Trains the model called `name` with the tokenizers of `python`; its tokenizer.json is written to `path`."""
    lines = small_models.training_lines()
    if name == "whole":  # without words, the lines are short
        lines = [line[:40] for line in lines[:800]]
    request = {"path": str(path), "lines": [line + "\n" for line in lines], "options": MODELS[name]}
    subprocess.run([python, "-c", TRAINER], input=json.dumps(request).encode(), check=True, capture_output=True, timeout=300)
    return path
