"""The programs that take part. Each returns runs: who, variant, column, value (tokens/s, or seconds of a first token)."""

import json
from pathlib import Path
from typing import NamedTuple

from .process import output_of, say


CONTEXT = 2048  # tokens, of a start of a program
NEVER_REPACKED = ("f32", "bf16")  # llama.cpp has no other layout for them
VERSIONS = "import torch, transformers; print(f'transformers {transformers.__version__}, torch {torch.__version__}')"


class Column(NamedTuple):
    """Something to time; depth and cache are of decoding alone."""

    name: str
    prompt: int = 0
    decode: int = 0
    depth: int = 0
    cache: str = "f16"
    first: bool = False  # the seconds until the first token, from a start of the program

    @property
    def repetitions(self):
        """The better of two counts; filling the cache to a depth takes long, and warms up as well."""
        return 1 if self.depth else 2


class Task(NamedTuple):
    model: Path
    source: Path  # the same in Hugging Face's layout; None when there is none
    weights: str


def columns(prompt=512, decode=64, depth=1900, depth_decode=32, first=(16, 512)):
    """By name."""
    all_of_them = [
        Column("prefill", prompt=prompt),
        Column("decode", decode=decode),
        Column("depth", decode=depth_decode, depth=depth),
        Column("depth-q8_0", decode=depth_decode, depth=depth, cache="q8_0"),
        *(Column(f"first-{name}", prompt=tokens, first=True) for name, tokens in zip(("short", "long"), first)),
    ]
    return {column.name: column for column in all_of_them}


def prompt_text(tokens):
    """One token for each letter and one for the start, in the vocabulary of make_model.py."""
    return " ".join(chr(ord("a") + number % 26) for number in range(tokens - 1))


def run_of(who, variant, column, value, **more):
    return {"who": who, "variant": variant, "column": column.name, "value": value, **more}


class Tulu:
    def __init__(self, build, threads, backend=None):
        self.build, self.threads, self.backend = build, threads, backend
        self.name = f"tulu-{backend}" if backend else "tulu"
        self.has_q8_cache = self.takes_cache("q8_0")

    def takes_cache(self, cache):
        said, _ = output_of([self.build / "benchmarks" / "llama_bench", "--help"])
        options = [line for line in said.splitlines() if line.strip().startswith("--cache")]
        return any(cache in line for line in options)

    def takes(self, column, task):
        if self.backend:
            return task.weights in ("f32", "f16", "bf16") and column.name in ("prefill", "decode")
        return column.cache == "f16" or (self.has_q8_cache and task.weights.startswith("q"))

    def measure(self, column, task):
        options = ["--threads", self.threads, "--model", task.model]
        if column.first:
            command = [self.build / "examples" / "chat", *options, "--prompt", prompt_text(column.prompt), "--context",
                       CONTEXT, "--max-new-tokens", 1, "--format", "raw", "--temperature", 0, "--quiet"]  # fmt: skip
            return [run_of(self.name, "", column, output_of(command)[1])]
        backend = ["--backend", self.backend] if self.backend else []
        said, _ = output_of([self.build / "benchmarks" / "llama_bench", *options, *backend, "-p", column.prompt, "-n",
                             column.decode, "-d", column.depth, "--cache", column.cache, "-r", column.repetitions,
                             "--quiet", "--json"])  # fmt: skip
        figures = json.loads(said.splitlines()[-1])
        value = figures["prefill_tokens_per_s" if column.prompt else "decode_tokens_per_s"]
        return [run_of(self.name, "", column, value, bytes_per_token=figures["bytes_per_token"],
                       read_bandwidth_gb_s=figures["read_bandwidth_gb_s"])]  # fmt: skip


class LlamaCpp:
    """With flash attention and repacked weights on and off, where this version has the options. The first time that a
    column of a task is measured shows which of its options are worth the time of the next rounds."""

    name = "llama.cpp"
    NEAR_BEST = 0.9  # of the best rate

    def __init__(self, programs, threads):
        self.threads = threads
        self.bench = programs / "llama-bench"
        found = [programs / name for name in ("llama-completion", "llama-cli") if (programs / name).exists()]
        self.completes = found[0] if found else None
        options = output_of([self.bench, "--help"])[0]
        self.repack = "--repack" in options
        self.no_warmup = ["--no-warmup"] if "--no-warmup" in options else []  # the better of two is warm
        known = output_of([self.completes, "--help"])[0] if self.completes else ""
        self.no_repack = "--no-repack" in known
        self.left = {}  # by task and column: the options that are measured again
        self.first_options = ["--no-warmup", "-no-cnv"]
        # Else it first looks for what fits a device, which takes time.
        self.first_options += ["--fit", "off"] if "--fit " in known else []

    def takes(self, column, task):
        return (not column.first or self.completes is not None) and (column.cache == "f16" or task.weights.startswith("q"))

    def measure(self, column, task):
        """The runs of all options that work and are left."""
        one = self.first_token if column.first else self.rate
        values, problems = {}, []
        for way in self.left.get((task, column), self.ways(column, task)):
            try:
                values[way] = one(column, task, way)
            except RuntimeError as problem:
                problems.append(problem)
                say(f"warning: {problem}")
        if not values:
            raise problems[0]
        self.left.setdefault((task, column), self.near_best(values, column))
        return [run_of(self.name, " ".join(way), column, value) for way, value in values.items()]

    def ways(self, column, task):
        """Options, a tuple for each run."""
        repacks = task.weights not in NEVER_REPACKED
        if column.first:
            return [(), ("--no-repack",)] if self.no_repack and repacks else [()]
        # A quantised cache needs flash attention.
        attention = [("-fa", "0"), ("-fa", "1")] if column.cache == "f16" else [("-fa", "1")]
        layouts = [("--repack", "1"), ("--repack", "0")] if self.repack and repacks else [()]
        return [(*each, *layout) for each in attention for layout in layouts]

    def near_best(self, values, column):
        speeds = {way: 1 / value if column.first else value for way, value in values.items()}
        return [way for way, speed in speeds.items() if speed >= self.NEAR_BEST * max(speeds.values())]

    def first_token(self, column, task, way):
        command = [self.completes, "-m", task.model, "-t", self.threads, "-c", CONTEXT, "-p", prompt_text(column.prompt),
                   "-n", 1, "--temp", 0, *self.first_options, *way]  # fmt: skip
        return output_of(command)[1]

    def rate(self, column, task, way):
        command = [self.bench, "-m", task.model, "-t", self.threads, "-r", column.repetitions, "-o", "json", "-p",
                   column.prompt, "-n", column.decode, "-ctk", column.cache, "-ctv", column.cache, *way]  # fmt: skip
        command += ["-d", column.depth] if column.depth else self.no_warmup
        (test,) = json.loads(output_of(command)[0])
        return max(test["samples_ts"])


class Transformers:
    """In float32 and bfloat16, by the Python that has it and torch."""

    name = "transformers"

    def __init__(self, python, threads):
        self.python, self.threads = python, threads
        try:
            self.version = output_of([python, "-c", VERSIONS])[0].strip()
        except (RuntimeError, OSError) as problem:
            self.version = ""
            say(f"note: no row for transformers: {problem}")

    def takes(self, column, task):
        timed = column.name in ("prefill", "decode", "depth")
        return bool(self.version) and timed and task.source is not None and task.weights in ("f32", "bf16")

    def measure(self, column, task):
        script = Path(__file__).with_name("transformers_peer.py")
        options = [task.source, task.weights, self.threads, column.prompt, column.decode, column.depth, column.repetitions]
        said, _ = output_of([self.python, script, *options])
        return [run_of(self.name, "", column, json.loads(said.splitlines()[-1]))]


def measure_peaks(build, threads):
    said, _ = output_of([build / "benchmarks" / "peaks", "--threads", threads, "--quiet", "--json"])
    return json.loads(said.splitlines()[-1])
