"""Small models that SentencePiece trains on mixed words of languages.txt: one for each way a model can differ."""

import json
import random
import subprocess

from support import corpora

IDENTITY = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False}
BYTES = IDENTITY | {"byte_fallback": True}
MODELS = {
    "bpe_bytes": BYTES | {"model_type": "bpe", "split_digits": True, "vocab_size": 1200},  # like LLaMA's
    "bpe_plain": IDENTITY | {"model_type": "bpe", "vocab_size": 900},  # characters outside the vocabulary are unknown
    "bpe_user": BYTES | {"model_type": "bpe", "vocab_size": 1100, "control_symbols": ["<ctl>"], "unk_surface": " ?? ",
                         "user_defined_symbols": ["<sep>", "<|user|>", "be", "ber", "▁▁▁", "ü", "</b>", "\n"]},
    "bpe_across": BYTES | {"model_type": "bpe", "vocab_size": 1200, "split_by_whitespace": False, "split_by_number": False,
                           "split_by_unicode_script": False, "allow_whitespace_only_pieces": True},
    "bpe_suffix": BYTES | {"model_type": "bpe", "vocab_size": 1100, "treat_whitespace_as_suffix": True},
    "bpe_no_prefix": BYTES | {"model_type": "bpe", "vocab_size": 1100, "add_dummy_prefix": False},
    "bpe_trimmed": BYTES | {"model_type": "bpe", "vocab_size": 1100, "remove_extra_whitespaces": True},
    "bpe_nmt_nfkc": {"model_type": "bpe", "vocab_size": 900},  # the trainer's own defaults
    "bpe_nfkc_cf": {"model_type": "bpe", "vocab_size": 1100, "byte_fallback": True, "normalization_rule_name": "nfkc_cf"},
    "unigram_bytes": BYTES | {"model_type": "unigram", "vocab_size": 1200},
    "unigram_user": IDENTITY | {"model_type": "unigram", "vocab_size": 1100, "control_symbols": ["<ctl>"],
                                "user_defined_symbols": ["<sep>", "<|user|>", "be", "ber", "▁▁▁", "ü", "</b>", "\n"]},
    "unigram_nmt_nfkc": {"model_type": "unigram", "vocab_size": 900},
    "unigram_suffix": BYTES | {"model_type": "unigram", "vocab_size": 1200, "treat_whitespace_as_suffix": True},
}  # fmt: skip
TRAINER = """
import json, sys, sentencepiece
request = json.load(sys.stdin)
with open(request["path"], "wb") as file:
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(request["lines"]), model_writer=file, num_threads=1, minloglevel=2,
        character_coverage=0.98, hard_vocab_limit=False, **request["options"])
"""


def training_lines():
    rng = random.Random(7)
    lines = []
    for language in ("en", "de", "fr", "ru", "el", "hi", "ja", "zh", "ko"):
        for _ in range(120):
            lines.extend(corpora.sentences(rng, language, 200).split("\n"))
    lines += ["x" * n for n in range(2, 18)] + ["a  b", "   three", "1234567890", "f(x) = 2 * x;", "return a  +  b;"] * 5
    return [line for line in lines if line]


def train(python, name, path):
    """Trains the model called `name` with the SentencePiece of `python`."""
    request = {"path": str(path), "lines": training_lines(), "options": MODELS[name]}
    subprocess.run([python, "-c", TRAINER], input=json.dumps(request).encode(), check=True, capture_output=True, timeout=300)
    return path
