"""What the tests of the tokenizer share: the model, folders and a tokenizer.json for it, the original libraries."""

import codecs
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from support.programs import SOURCE, program

DATA = SOURCE / "tests" / "data" / "tokenizer"
MODEL = Path(os.environ.get("TULU_SHARED_DIR") or SOURCE.parent / "shared") / "data" / "llama-tokenizer.model"


def tokenize(model, data, *arguments):
    """The finished program: its stdout and stderr as bytes."""
    return subprocess.run([program("tokenize"), "--model", str(model), *arguments], input=data, capture_output=True, timeout=600)


def fields(data):
    """(number, value) of every field of a protobuf message; integers as they are stored."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, data[at : at + size]
        at += size


def pieces_of(model):
    """(text, score) of every piece of a SentencePiece file."""
    pieces = []
    for number, value in fields(Path(model).read_bytes()):
        if number == 1:
            piece = dict(fields(value))
            pieces.append((piece[1].decode("utf-8"), struct.unpack("<f", piece.get(2, bytes(4)))[0]))
    return pieces


def merges_of(pieces):
    """Every way to join two pieces to a third, best first, as transformers' converter lists them."""
    ids = {text: index for index, (text, _) in enumerate(pieces)}
    found = []
    for text, score in pieces:
        ways = [(text[:i], text[i:]) for i in range(1, len(text)) if text[:i] in ids and text[i:] in ids]
        found.extend((score, left, right) for left, right in sorted(ways, key=lambda way: (ids[way[0]], ids[way[1]])))
    return [f"{left} {right}" for _, left, right in sorted(found, key=lambda item: item[0], reverse=True)]


def added_token(number, content, **options):
    return {"id": number, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True} | options  # fmt: skip


def with_prefix():
    """Normalizer and pre-tokenizer of the files that transformers 4.31 to 4.40 write."""
    blank = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    return {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, blank]}, None


def with_metaspace():
    """Those of newer files with legacy=False: the prefix is put at the start of the text only."""
    return None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}


def fast_tokenizer(model, added, parts=with_prefix):
    """The tokenizer.json of a LLaMA-family model: what transformers 4.40's converter makes of the SentencePiece file."""
    pieces = pieces_of(model)
    normalizer, pre_tokenizer = parts()
    start = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    second = [{"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}]
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": {"type": "TemplateProcessing", "single": start, "pair": start + second,
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": {text: number for number, (text, _) in enumerate(pieces)}, "merges": merges_of(pieces)},
    }  # fmt: skip


TULU_TOKENS = [added_token(0, "<unk>"), added_token(1, "<s>"), added_token(2, "</s>"), added_token(32000, "<pad>")]
LLAMA_TOKENS = [token | {"normalized": True} for token in TULU_TOKENS[:3]]
MARKED_TOKENS = [
    *TULU_TOKENS,
    added_token(32001, "<left>", lstrip=True), added_token(32002, "<right>", rstrip=True),
    added_token(32003, "<both>", lstrip=True, rstrip=True), added_token(32004, "<word>", single_word=True, special=False),
    added_token(32005, "two words", normalized=True, special=False), added_token(32006, "<|user|>"),
    added_token(32007, "<|user|>x"),
]  # fmt: skip
FAST = {"tulu": (TULU_TOKENS, with_prefix), "llama": (LLAMA_TOKENS, with_prefix), "metaspace": (TULU_TOKENS, with_metaspace),
        "marked": (MARKED_TOKENS, with_prefix)}  # fmt: skip


def make_fast(folder, name):
    """The tokenizer.json called `name`, in a folder of its own; its path."""
    path = Path(folder) / f"fast_{name}" / "tokenizer.json"
    if not path.exists():
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(fast_tokenizer(MODEL, *FAST[name]), ensure_ascii=False), encoding="utf-8")
    return path


def make_folder(folder, name):
    """The model folder called `name` (tests/data/tokenizer/dirs) with the model in it; its path."""
    path = Path(folder) / name
    if not path.exists():
        shutil.copytree(DATA / "dirs" / name, path)
        shutil.copyfile(MODEL, path / "tokenizer.model")
    return path


def pythons():
    """The interpreters to look for the libraries in: those of TULU_PYTHON (separated as in PATH), and this one."""
    return [*filter(None, os.environ.get("TULU_PYTHON", "").split(os.pathsep)), sys.executable]


class Oracle:
    """One of the original tokenizers, in a process of its own. `name` is the library's, with its version."""

    def __init__(self, python, mode, model):
        script = Path(__file__).with_name("tokenizer_oracle.py")
        environment = {**os.environ, "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        self.process = subprocess.Popen([python, str(script), mode, str(model)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, env=environment)  # fmt: skip
        try:
            self.name = self.answer().decode()
        except Exception:
            self.close()
            raise

    def answer(self):
        header = self.process.stdout.read(5)
        if len(header) < 5:
            raise RuntimeError(f"the oracle ended with {self.process.wait()}")
        failed, size = struct.unpack("<BI", header)
        data = self.process.stdout.read(size)
        if failed:
            raise RuntimeError(data.decode(errors="replace"))
        return data

    def ask(self, operation, data):
        self.process.stdin.write(struct.pack("<cI", operation, len(data)) + data)
        self.process.stdin.flush()
        return self.answer()

    def encode(self, data):
        """The ids of a text, blank-separated."""
        return self.ask(b"e", data)

    def decode(self, ids):
        """The text of ids given as the program takes them."""
        return self.ask(b"d", ids)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def find_oracle(mode, model, wanted):
    """The oracle of a mode whose name starts with `wanted` ("transformers 4.30."), or None and why there is none."""
    reasons = []
    for python in pythons():
        try:
            oracle = Oracle(python, mode, model)
        except (OSError, RuntimeError) as error:
            reasons.append(f"{python}: {error}")
            continue
        if oracle.name.startswith(wanted):
            return oracle, ""
        reasons.append(f"{python}: {oracle.name}")
        oracle.close()
    return None, f"{wanted}* wanted; " + "; ".join(reasons)


codecs.register_error("tulu-each-byte", lambda error: ("\ufffd" * (error.end - error.start), error.end))


def each_invalid_byte_replaced(data):
    """Text as SentencePiece gives it: U+FFFD for each byte that is no part of UTF-8."""
    return data.decode("utf-8", "tulu-each-byte").encode("utf-8")
