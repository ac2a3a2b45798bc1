#!/usr/bin/env python3
"""Times the tokenizer against SentencePiece, tokenizers and llama.cpp, in turn in one run, on one thread.

    tokenizer.py --model tokenizer.model [--bench build/benchmarks/tokenizer] [--rounds 5] [--mb 2] [--json FILE]

English, code, Chinese with Japanese and Korean, and a mixture of many kinds (tests/programs/support/corpora.py), MB
million bytes of each, in texts of about 2 kB and of 1 MB. All get the same texts; tulu's benchmark program cuts the
file itself: every 2000 bytes, and in the other row not at all. In every round each tokenizer has its turn with every
corpus, the first one another in each round; medians of processor time are printed. The others are called through
their Python packages with lists of texts, so that making Python's lists of ids is in their times (a few percent):
sentencepiece, tokenizers with the tokenizer.json that transformers' converter makes of the model, and llama_cpp
(llama-cpp-python) with a GGUF file of the vocabulary. Those that cannot be imported are left out. --model is a
LLaMA-family BPE model, or a tokenizer.json, which only tokenizers reads.
"""

import argparse
import ctypes
import datetime
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "programs"))

from support import corpora, tokenizer_files

CORPORA = {"English": corpora.english, "code": corpora.source_code, "CJK": corpora.asian, "mixed": corpora.mixed}
ROWS = {"2 kB": 2000, "1 MB": 1_000_000}


class SentencePiece:
    name = "SentencePiece"

    def __init__(self, model, folder):
        import sentencepiece

        self.version = f"sentencepiece {sentencepiece.__version__}"
        self.load = lambda: sentencepiece.SentencePieceProcessor(model_file=str(model))
        self.processor = self.load()

    def encode(self, texts):
        return self.processor.encode(texts, out_type=int, num_threads=1)

    def decode(self, lists):
        self.processor.decode(lists, num_threads=1)


class Tokenizers:
    name = "tokenizers"

    def __init__(self, model, folder):
        import tokenizers

        self.version = f"tokenizers {tokenizers.__version__}"
        path = model
        if model.suffix != ".json":
            path = folder / "tokenizer.json"
            path.write_text(json.dumps(tokenizer_files.fast_tokenizer(model, tokenizer_files.TULU_TOKENS[:3])), encoding="utf-8")
        self.load = lambda: tokenizers.Tokenizer.from_file(str(path))
        self.tokenizer = self.load()

    def encode(self, texts):
        return [item.ids for item in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def decode(self, lists):
        self.tokenizer.decode_batch(lists, skip_special_tokens=False)


class LlamaCpp:
    name = "llama.cpp"

    def __init__(self, model, folder):
        import llama_cpp

        self.library, self.path = llama_cpp, folder / "vocabulary.gguf"
        self.version = f"llama-cpp-python {llama_cpp.__version__}"
        self.write(model)
        self.silent = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(self.silent, None)
        llama_cpp.llama_backend_init()
        self.kept = self.open()
        self.vocabulary = llama_cpp.llama_model_get_vocab(self.kept)
        self.room = 4_000_000
        self.ids, self.text = (llama_cpp.llama_token * self.room)(), ctypes.create_string_buffer(4 * self.room)

    def write(self, model):
        import gguf

        writer = gguf.GGUFWriter(str(self.path), "llama")
        writer.add_tokenizer_model("llama")
        pieces = tokenizer_files.pieces_of(model)
        writer.add_token_list([text.encode("utf-8") for text, _ in pieces])
        writer.add_token_scores([score for _, score in pieces])
        is_byte = re.compile("<0x[0-9A-F]{2}>").fullmatch
        kinds = (gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL)
        rest = [gguf.TokenType.BYTE if is_byte(text) else gguf.TokenType.NORMAL for text, _ in pieces[3:]]
        writer.add_token_types([*kinds, *rest])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()

    def open(self):
        parameters = self.library.llama_model_default_params()
        parameters.vocab_only = True
        model = self.library.llama_model_load_from_file(str(self.path).encode(), parameters)
        if not model:
            raise ImportError(f"llama.cpp does not read {self.path}")
        return model

    def load(self):
        self.library.llama_model_free(self.open())

    def encode(self, texts):
        lists = []
        for text in texts:
            data = text.encode("utf-8")
            count = self.library.llama_tokenize(self.vocabulary, data, len(data), self.ids, self.room, False, False)
            lists.append(self.ids[:count])
        return lists

    def decode(self, lists):
        for ids in lists:
            self.ids[: len(ids)] = ids
            self.library.llama_detokenize(self.vocabulary, self.ids, len(ids), self.text, 4 * self.room, False, True)


class Corpus:
    """One kind of text, whole in a file and in lists of texts."""

    def __init__(self, name, size, folder):
        text = CORPORA[name](random.Random(21), size)
        self.text = "".join(corpora.cut(text, size)[:1])
        self.size, self.path = len(self.text.encode("utf-8")), folder / f"{name}.txt"
        self.path.write_text(self.text, encoding="utf-8", newline="")
        self.lists = {row: corpora.cut(self.text, length) for row, length in ROWS.items()}
        self.ids = {}


def benchmark(options, corpus):
    """MB/s of tulu by what is done, from its benchmark program."""
    environment = {**os.environ, "TULU_TOKENIZER_MODEL": str(options.model), "TULU_TOKENIZER_TEXT": str(corpus.path)}
    command = [str(options.bench), "--benchmark_filter=^(encode_file|encode_file_2kB_texts|decode_file|load_model)$",
               "--benchmark_format=json", "--benchmark_min_time=0.3"]  # fmt: skip
    result = subprocess.run(command, env=environment, capture_output=True, check=True)
    found = {item["name"]: item for item in json.loads(result.stdout)["benchmarks"]}
    scale = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3}[found["load_model"]["time_unit"]]
    names = {"2 kB": "encode_file_2kB_texts", "1 MB": "encode_file", "decode": "decode_file"}
    speeds = {what: found[name]["bytes_per_second"] / 1e6 for what, name in names.items()}
    return speeds | {"load": found["load_model"]["cpu_time"] * scale}


def seconds(function, *arguments):
    """Processor time, as tulu's benchmark program counts it too, and the result."""
    started = time.process_time()
    result = function(*arguments)
    return time.process_time() - started, result


def one_turn(peer, corpus, first, differing):
    """MB/s of a peer; the first peer's ids are what the others' are compared with."""
    measured = {"load": 1e3 * seconds(peer.load)[0]}
    for row, texts in corpus.lists.items():
        taken, lists = seconds(peer.encode, texts)
        measured[row] = corpus.size / 1e6 / taken
        if peer is first:
            corpus.ids[row] = lists
        elif row in corpus.ids:
            differing[peer.name] = differing.get(peer.name, 0) + sum(a != b for a, b in zip(lists, corpus.ids[row], strict=True))
    measured["decode"] = corpus.size / 1e6 / seconds(peer.decode, lists)[0]
    return measured


def measure(options, peers, texts):
    """Results by (tokenizer, corpus, what is done), one per round."""
    results, differing = {}, {}
    for number in range(options.rounds):
        for corpus_name, corpus in texts.items():
            turns = ["tulu", *peers]
            turns = turns[number % len(turns) :] + turns[: number % len(turns)] if number else turns
            for peer in turns:
                if peer == "tulu":
                    name, measured = "tulu", benchmark(options, corpus)
                else:
                    name, found = peer.name, {}
                    measured = one_turn(peer, corpus, peers[0], found)
                    for key, count in found.items():
                        differing[key, corpus_name] = count
                for what, value in measured.items():
                    results.setdefault((name, corpus_name, what), []).append(value)
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    return results, differing


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {os.cpu_count()} processors, {platform.system()} {platform.release()}"


def report(options, peers, texts, results, differing):
    names = ["tulu", *(peer.name for peer in peers)]
    print(f"{machine()}, {datetime.date.today()}; {', '.join(peer.version for peer in peers)}")
    first = names[min(1, len(names) - 1)]
    print(f"one thread; median of {options.rounds} rounds in turn, {options.mb:g} MB a corpus; MB/s (ratio to {first})")
    print(f"\n{'':22}" + "".join(f"{name:>20}" for name in names))

    def line(label, corpus, what, unit="MB/s"):
        medians = [statistics.median(results[name, corpus, what]) for name in names]
        cells = [f"{value:.1f}" + (f" ({value / medians[1]:.2f}×)" if len(medians) > 1 else "") for value in medians]
        print(f"{label:22}" + "".join(f"{cell:>20}" for cell in cells))

    for corpus in texts:
        for row in ROWS:
            line(f"{corpus}, {row} texts", corpus, row)
    for corpus in texts:
        line(f"{corpus}, decode", corpus, "decode")
    some = next(iter(texts))
    line("load, ms", some, "load")
    for (name, corpus), count in sorted(differing.items()):
        if count:
            print(f"{name} gives other ids than {names[1]} for {count} texts of {corpus}")


def find_peers(model, folder):
    peers = []
    for kind in (Tokenizers,) if model.suffix == ".json" else (SentencePiece, Tokenizers, LlamaCpp):
        try:
            peers.append(kind(model, folder))
        except (ImportError, OSError, RuntimeError) as error:
            print(f"LEFT OUT: {kind.name}: {error}", file=sys.stderr)
    return peers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=tokenizer_files.MODEL, help="a SentencePiece file or a tokenizer.json")
    parser.add_argument("--bench", type=Path, default=ROOT / "build" / "benchmarks" / "tokenizer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mb", type=float, default=2)
    parser.add_argument("--json", type=Path, help="where to write every measured value")
    options = parser.parse_args()
    for path in (options.model, options.bench):
        if not path.exists():
            sys.exit(f"{path} is not there")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers = find_peers(options.model, folder)
        texts = {corpus: Corpus(corpus, int(options.mb * 1e6), folder) for corpus in CORPORA}
        results, differing = measure(options, peers, texts)
        report(options, peers, texts, results, differing)
    if options.json:
        options.json.write_text(json.dumps({" / ".join(key): values for key, values in results.items()}, indent=1))


if __name__ == "__main__":
    main()
