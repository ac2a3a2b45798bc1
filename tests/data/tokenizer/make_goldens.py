#!/usr/bin/env python3
"""Writes the answers of the original tokenizers that the tests compare with.

    make_goldens.py PYTHON_430 PYTHON_440

PYTHON_430 has sentencepiece 0.1.97 and transformers 4.30.2, PYTHON_440 transformers 4.40.2 with tokenizers 0.19.1 and
protobuf. Written, next to this script:
  dirs/NAME      model folders as save_pretrained leaves them, without the tokenizer.model, which is not ours to ship:
                 llama (LlamaTokenizer as it is), tulu (after the add_special_tokens of open-instruct's finetune.py), alpaca
                 (the same with [PAD]) and marked_old (AddedTokens that strip) by 4.30.2, tulu_new and marked by 4.40.2
  models/NAME.model, models/NAME.json   small models trained on mixed words, and SentencePiece's answers
  spm.json, hf_legacy*.json, hf*.json, hf_fast*.json   answers for TULU_SHARED_DIR/data/llama-tokenizer.model
A file of answers has `origin`, `mode`, `model` (a folder of dirs/, for hf-fast a name in tokenizer_files.FAST), `cases`
(text in hex, ids) and `decode` (ids, text in hex). In the hf modes, decode is the library's with default arguments:
special tokens stay. Ids whose text is not UTF-8 are left out, since the libraries replace it and tulu does not.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "programs"))

from support import corpora, small_models, tokenizer_files
from support.tokenizer_files import MODEL, Oracle, make_fast, make_folder

SAVE = """
import sys
from transformers import AddedToken, LlamaTokenizer
model, folder, what = sys.argv[1:]
tokenizer = LlamaTokenizer(model, **({"legacy": False} if what in ("tulu_new", "marked") else {}))
if what != "llama":
    pad = "[PAD]" if what == "alpaca" else "<pad>"
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": pad})
if what.startswith("marked"):
    tokenizer.add_special_tokens({"additional_special_tokens": [
        AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True),
        AddedToken("<both>", lstrip=True, rstrip=True), AddedToken("<none>"), "<plain>"]})
    tokenizer.add_tokens(["<extra>", AddedToken("two words", lstrip=True), "<left>x"])
tokenizer.save_pretrained(folder)
"""
CONVERT = """
import sys
from transformers import LlamaTokenizerFast
LlamaTokenizerFast.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])
"""
CODE = '''#include <vector>
template <class T>
T sum(const std::vector<T>& values) {
\tT total{};  // not std::accumulate
    for (auto&& value : values) total += value * 0x1F;
    return total;
}

def fibonacci(n: int = 10) -> list[int]:
    """The first n numbers."""
    a, b = 0, 1
    while n > 0:
        yield a
        a, b, n = b, a + b, n - 1
'''
MARKED = ["<left>", "<right>", "<both>", "<none>", "<plain>", "<extra>", "two words", "<left>x", "<word>", "<|user|>x"]


def prompts():
    """Conversations in Tulu's format and others."""
    yield from ("<|user|>\nHi!\n<|assistant|>\n", "<|user|>\nHi\n<|assistant|>\nHello</s>\n<|user|>\nHow are you?\n<|assistant|>\n",
                "<|system|>\nYou are kind.\n<|user|>\nHi\n<|assistant|>\nHello</s>\n", "<s><|user|>\nHi\n<|assistant|>\n",
                "<|user|>\nHi\n<|assistant|>\nHello </s> \n <|user|>\n1 + 1?\n<|assistant|>\n2</s>\n<|user|>\n\n",
                "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] Bye [/INST]",
                "A chat. USER: Hi ASSISTANT: Hello</s>USER: Bye ASSISTANT:",
                "Below is an instruction.\n\n### Instruction:\nAdd.\n\n### Response:\n3</s>[PAD][PAD]",
                "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")  # fmt: skip
    rng = random.Random(11)
    for language in ("en", "fr", "ru", "ar", "hi", "zh", "ja", "ko", "th"):
        yield "".join(f"<|user|>\n{corpora.sentences(rng, language, 40)}\n<|assistant|>\n"
                      f"{corpora.sentences(rng, language, 60)}</s>\n" for _ in range(3))  # fmt: skip


def texts():
    """What every mode is asked."""
    rng = random.Random(12)
    yield from ("", "A", " A", "\n", "\n\n", " ", "  ", "  x", " \nclass", "🦙", "Hello", " Hello ", "\u2581", "a\u2581b", "\u2581\u2581 a",
                " \u2581", "\u2047", "\ufffd", "\ufeffx", "e\u0301é", "ﬁ①Ⅷ㌔", "\0", "a\0b", "\x7f\x01", "0123456789", "3.14159", "١٢٣",
                "a\r\nb\rc", "x" * 40, "ab" * 40, " " * 300, "\n" * 40, "中" * 20, CODE)  # fmt: skip
    yield from prompts()
    for language, text in corpora.languages().items():
        yield text[:300]
        if language not in ("hanzi", "kanji"):
            yield corpora.sentences(rng, language, 60)
    for special in ("<s>", "</s>", "<unk>", "<pad>", "[PAD]"):
        for form in ("{0}", "{0}{0}", "{0} {0}", "a{0}b", "a {0} b", "a\n{0}\nb", "{0}\n\nb", " {0}", "{0} ", "\n{0}\n", "a\t{0}\u3000b",
                     "a\u00a0{0}\u2028 b", "a\u2581{0}\u2581b", "  {0}  {0}  ", "a \x1c{0}\x85b\u200b{0}\u200bc", "<{0}>"):  # fmt: skip
            yield form.format(special)
    yield from ("<s></s>", "</s><s>", "</s> <s> <unk>", "<pad></s>\n<s>x", "<s> <pad>\n</s>\n\n<unk>", "<s", "s>", "< s>", "<S>", "<0x0A>")
    for space in " \n\t\u00a0\u3000\u2581":
        yield from (f"a{space * n}b{space * (n + 1)}" for n in (1, 2, 3, 7, 16, 17, 33))
    for make in (corpora.emoji, corpora.combining, corpora.spaces, corpora.digits, corpora.scalars, corpora.specials):
        yield from (make(rng, size) for size in (3, 20, 120, 250))
    for number in range(40):
        yield "".join(rng.choice([" ", "\n", "Hello", "</s>", "<s>", "<pad>", "é", "  ", "<unk>", "x", "。"]) for _ in range(8))


def marked_texts():
    for special in MARKED:
        for form in ("{0}", "a{0}b", "a {0} b", "a  {0}\n\n{0}  b", " {0} ", "{0}{0}", "a_{0}_b", "{0}</s>{0}", " \t{0}\u3000<s> {0}"):
            yield form.format(special)
    rng = random.Random(13)
    for number in range(60):
        yield "".join(rng.choice([*MARKED, " ", "\n", "  ", "x", "</s>", "two", "words"]) for _ in range(6))


def numbers(rng, size, known):
    """Lists of ids: any, special ones among others, bytes of characters."""
    data = "".join(map(chr, (0xE9, 0x4E2D, 0x1F999, 0x2581, 0x20, 0xA))).encode("utf-8")
    for count in (1, 2, 5, 20, 20, 20, 60, 60):
        yield [rng.randrange(size) for _ in range(count)]
        yield [rng.choice([*range(3), *known, rng.randrange(size)]) for _ in range(count)]
    yield from ([], *([number] for number in range(8)), [1, 2, 1], [0, 0], *([number, *known] for number in (0, 1, 2)))
    if size > 3 + 256:
        yield from ([3 + byte for byte in data], [1, *(3 + byte for byte in data), 2, 3 + 65, 2, 3 + 66])


def answers(oracle, inputs, size, known=()):
    """Cases and decode cases of one file; the size of the vocabulary is `size`."""
    asked = dict.fromkeys(item if isinstance(item, bytes) else item.encode("utf-8") for item in inputs)
    cases = [(text, oracle.encode(text)) for text in asked]
    lists = [ids for _, ids in cases[::2]] + [" ".join(map(str, ids)).encode() for ids in numbers(random.Random(14), size, known)]
    decoded = [(ids, oracle.decode(ids)) for ids in dict.fromkeys(lists)]
    return {
        "cases": [{"text": text.hex(), "ids": list(map(int, ids.split()))} for text, ids in cases],
        "decode": [{"ids": list(map(int, ids.split())), "text": text.hex()}
                   for ids, text in decoded if b"\xef\xbf\xbd" not in text],
    }  # fmt: skip


def write(path, origin, mode, model, parts):
    def lines(items):
        return ",\n".join(json.dumps(item, separators=(",", ":")) for item in items)

    head = "".join(f"{json.dumps(key)}:{json.dumps(value)},\n" for key, value in
                   (("origin", origin), ("mode", mode), ("model", model)))  # fmt: skip
    path.write_text(f'{{{head}"cases":[\n{lines(parts["cases"])}],\n"decode":[\n{lines(parts["decode"])}]}}\n')
    print(f"{path.name}: {len(parts['cases'])} cases, {len(parts['decode'])} decoded, {path.stat().st_size} bytes ({origin})")


def spm_texts():
    yield from texts()
    for data in corpora.invalid_bytes():
        if len(data) < 100:
            yield data
    rng = random.Random(15)
    for _ in range(60):
        yield corpora.broken(rng, corpora.sentences(rng, rng.choice(["en", "ru", "zh", "hi"]), 40))


def make_folders(python_430, python_440, scratch):
    for name, python in (("llama", python_430), ("tulu", python_430), ("alpaca", python_430), ("marked_old", python_430),
                         ("tulu_new", python_440), ("marked", python_440)):  # fmt: skip
        saved = Path(scratch) / name
        subprocess.run([python, "-c", SAVE, MODEL, saved, name], check=True, capture_output=True)
        (saved / "tokenizer.model").unlink()
        shutil.rmtree(HERE / "dirs" / name, ignore_errors=True)
        shutil.copytree(saved, HERE / "dirs" / name)


def check_fast(python_440, scratch):
    """Ends the script unless tokenizer_files makes the very tokenizer.json that transformers' converter makes."""
    for name in ("tulu", "llama"):
        made = Path(scratch) / f"converted_{name}"
        subprocess.run([python_440, "-c", CONVERT, make_folder(scratch, name), made], check=True, capture_output=True)
        ours = json.loads(make_fast(scratch, name).read_text(encoding="utf-8"))
        if ours != json.loads((made / "tokenizer.json").read_text(encoding="utf-8")):
            sys.exit(f"the tokenizer.json for {name} is not the converter's")


def small(python, folder):
    folder.mkdir(exist_ok=True)
    for name in small_models.MODELS:
        if name in ("bpe_nfkc_cf", "unigram_nmt_nfkc"):  # a quarter of a megabyte each: only the live test has them
            continue
        model = small_models.train(python, name, folder / f"{name}.model")
        oracle = Oracle(python, "spm", model)
        inputs = list(spm_texts())[::5] + ["<sep>ber<sep> be beber\nü</b>", "ber  be<|user|>", "<ctl> <sep>"]
        parts = answers(oracle, inputs, len(tokenizer_files.pieces_of(model)))
        write(folder / f"{name}.json", f"{oracle.name}, a model trained by it", "spm", f"{name}.model", parts)
        oracle.close()


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    python_430, python_440 = sys.argv[1:]
    jobs = [("spm", "spm", None, python_430)]
    jobs += [(f"hf_legacy{suffix}", "hf-legacy", name, python_430)
             for suffix, name in (("", "tulu"), ("_llama", "llama"), ("_alpaca", "alpaca"), ("_marked_old", "marked_old"))]  # fmt: skip
    jobs += [(f"hf{suffix}", "hf", name, python_440) for suffix, name in (("", "tulu"), ("_llama", "llama"), ("_marked", "marked"))]  # fmt: skip
    jobs += [(f"hf_fast{suffix}", "hf-fast", name, python_440)
             for suffix, name in (("", "tulu"), ("_llama", "llama"), ("_metaspace", "metaspace"), ("_marked", "marked"))]  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        make_folders(python_430, python_440, scratch)
        shutil.rmtree(Path(scratch))
        Path(scratch).mkdir()
        check_fast(python_440, scratch)
        for file, mode, name, python in jobs:
            model = MODEL if mode == "spm" else make_fast(scratch, name) if mode == "hf-fast" else make_folder(scratch, name)
            oracle = Oracle(python, mode, model)
            marked = name is not None and name.startswith("marked")
            inputs = list(marked_texts() if marked else spm_texts() if mode == "spm" else texts())
            if name not in (None, "tulu", "marked", "marked_old"):  # less of what is much like tulu
                inputs = inputs[::3]
            known = range(32000, 32008) if marked else [32000] if name not in (None, "llama") else []
            write(HERE / f"{file}.json", oracle.name, mode, name or MODEL.name, answers(oracle, inputs, 32000, known))
            oracle.close()
    small(python_430, HERE / "models")


if __name__ == "__main__":
    main()
