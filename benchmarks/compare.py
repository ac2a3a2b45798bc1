#!/usr/bin/env python3
"""Times tulu beside llama.cpp and transformers on the same weights, in turn in one run. compare.sh starts it.

    compare.sh --dir FOLDER [--rounds 5] [--other-rounds 3] [--threads N] [--types f32,f16,bf16,q8_0,q4_0,q4_k]
               [--columns prefill,…] [--smollm2 F.gguf] [--python PYTHON] [--shape 1.3b] [--keep] [--name NAME]
               [--readme] [--build FOLDER] [--llama-bench FILE | --llama-version V] [--smoke]

For each type of weights a model of 1.35 billion random parameters is made in FOLDER (up to 8 GB at a time), and in every
round each program has its turn with each column; who is first changes from round to round. Medians count, and of
llama.cpp the best of its options in each column: the first round tries all, the others those that were near the best. It
is built with -march=native from the source package of llama-cpp-python; transformers takes part when PYTHON can import
it and torch. Columns:
  prefill      tokens/s of a prompt of 512 tokens
  decode       tokens/s of 64 tokens
  depth        tokens/s of 32 tokens after 1900 others, keys and values in float16 on either side
  depth-q8_0   the same with keys and values in q8_0; llama.cpp's figure is the best of this and depth
  first-short  seconds from the start of the program to the first token after a prompt of 16 tokens, the file in the
               page cache
  first-long   the same with a prompt of 512 tokens
Figures go to benchmarks/results/NAME.json, where a later run with the same NAME replaces the types that it measures and
keeps the others; NAME.md and NAME.svg are made of them. --readme puts those of all machines into README.md. --smoke:
one round of a tiny model with whatever peer is at hand, to see that everything works.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from comparison import builds, contestants, machine, models, report
from comparison.process import processors, say

RESULTS = Path(__file__).resolve().parent / "results"
SMOKE = {"prompt": 24, "decode": 4, "depth": 40, "depth_decode": 4, "first": (16, 32)}


def list_of(allowed):
    """A parser of names between commas."""

    def parse(text):
        names = text.split(",") if text else []
        wrong = [name for name in names if name not in allowed]
        if wrong:
            raise argparse.ArgumentTypeError(f"expected some of {', '.join(allowed)}, found {wrong[0]!r}")
        return names

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(
        "compare.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(contestants.columns())
    parser.add_argument("--dir", type=Path, required=True, help="where everything is built and made")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--other-rounds", type=int, default=3, help="rounds with Eigen and transformers in them")
    parser.add_argument("--threads", type=int, default=processors())
    parser.add_argument("--types", type=list_of(models.TYPES), default=models.TYPES, help="default: all; '' is none")
    parser.add_argument("--columns", type=list_of(names), default=names, help="default: all")
    parser.add_argument("--shape", default="1.3b", help="of make_model.py; q4_k takes SHAPE-5632 if there is one")
    parser.add_argument("--smollm2", type=Path, help="a GGUF file of SmolLM2: one more row")
    parser.add_argument("--python", default=sys.executable, help="one that can import torch and transformers")
    parser.add_argument("--keep", action="store_true", help="keep the models (19 GB)")
    parser.add_argument("--build", type=Path, help="a build folder of tulu (default: it is built)")
    parser.add_argument("--llama-bench", type=Path, help="of a build of llama.cpp (default: it is built)")
    parser.add_argument("--llama-version", default="0.3.36", help="of llama-cpp-python")
    parser.add_argument("--name", help="of the results (default: after the processor)")
    parser.add_argument("--readme", action="store_true", help="put tables and plots of all machines into README.md")
    parser.add_argument("--smoke", action="store_true", help="results stay in --dir")
    given = parser.parse_args()
    if given.smoke:
        given.shape, given.rounds = "10m", 1
    if given.shape not in models.SHAPES:
        parser.error(f"--shape: expected one of {', '.join(models.SHAPES)}")
    if given.rounds < 1:
        parser.error("--rounds: at least 1")
    return given


def find_llama(given):
    """The folder of llama.cpp's programs and its version; nothing for a smoke test without one."""
    if given.llama_bench:
        return given.llama_bench.parent, f"llama.cpp of {given.llama_bench}"
    return (None, "") if given.smoke else builds.build_llama(given.dir, given.llama_version)


class Comparison:
    def __init__(self, given):
        self.given = given
        given.dir = given.dir.resolve()
        given.dir.mkdir(parents=True, exist_ok=True)
        self.build = given.build.resolve() if given.build else builds.build_tulu(given.dir)
        programs, self.llama_version = find_llama(given)
        self.columns = contestants.columns(**(SMOKE if given.smoke else {}))
        self.columns = {name: column for name, column in self.columns.items() if name in given.columns}
        ours = contestants.Tulu(self.build, given.threads)
        if not ours.has_q8_cache:
            self.columns.pop("depth-q8_0", None)
        transformers = contestants.Transformers(given.python, given.threads)
        self.versions = {"llama.cpp": self.llama_version, "transformers": transformers.version}
        self.all = [ours]
        self.all += [contestants.LlamaCpp(programs.resolve(), given.threads)] if programs else []
        self.others = [contestants.Tulu(self.build, given.threads, backend="eigen"), transformers]
        machine_now = machine.describe(given.threads)
        slug = re.sub(r"[^a-z0-9]+", "-", f"{machine_now['cpu']} {given.threads} threads".lower()).strip("-")
        self.file = (given.dir if given.smoke else RESULTS) / f"{given.name or slug}.json"
        self.results = {"machine": machine_now, "rows": {}}
        if self.file.exists():
            self.results = json.loads(self.file.read_text())
            for fact in ("cpu", "threads"):
                if self.results["machine"][fact] != machine_now[fact]:
                    sys.exit(f"error: {self.file}: {fact}: expected {machine_now[fact]}, found {self.results['machine'][fact]}")

    def save(self):
        self.file.parent.mkdir(exist_ok=True)
        order = {name: number for number, name in enumerate([*models.TYPES, "smollm2"])}
        self.results["rows"] = dict(sorted(self.results["rows"].items(), key=lambda row: order[row[0]]))
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(self.results, indent=1) + "\n")
        partial.rename(self.file)

    def measure_row(self, name, task, facts):
        """All rounds of one type; the figures are on disk after each."""
        models.read_once(task.model)
        columns = {column.name: column._asdict() for column in self.columns.values()}
        row = {**machine.stamp(), "versions": self.versions, "bytes": task.model.stat().st_size, **facts,
               "columns": columns, "peaks": [], "runs": []}  # fmt: skip
        for number in range(self.given.rounds):
            row["peaks"].append(contestants.measure_peaks(self.build, self.given.threads))
            turn = self.all + (self.others if number < self.given.other_rounds else [])
            for column in self.columns.values():
                for each in turn if number % 2 == 0 else turn[::-1]:
                    if each.takes(column, task):
                        row["runs"] += [{"round": number, **run} for run in self.try_one(each, column, task)]
            self.results["rows"][name] = row
            self.save()

    @staticmethod
    def try_one(each, column, task):
        try:
            runs = each.measure(column, task)
        except (RuntimeError, ValueError, KeyError) as problem:
            say(f"warning: {each.name}, {column.name}: left out: {problem}")
            return []
        for run in runs:
            say(f"{task.weights:7} {column.name:11} {run['who']:13} {run['variant']:18} {run['value']:10.3f}")
        return runs

    def run_types(self, shape, types):
        if not types:
            return
        made = models.Models(self.given.dir, self.build, self.given.keep)
        facts = {"shape": shape, "parameters": models.all_weights(shape), "layer_weights": models.layer_weights(shape)}
        with made.source(shape) as source:
            for weights in types:
                with made.gguf(source, weights) as model:
                    self.measure_row(weights, contestants.Task(model, source, weights), facts)

    def run(self):
        given = self.given
        k_shape = f"{given.shape}-5632"
        k_types = [weights for weights in given.types if weights.endswith("_k") and k_shape in models.SHAPES]
        self.run_types(given.shape, [weights for weights in given.types if weights not in k_types])
        self.run_types(k_shape, k_types)
        if given.smollm2:
            self.measure_row("smollm2", contestants.Task(given.smollm2.resolve(), None, "smollm2"), {"shape": "SmolLM2"})
        report.write(self.results, self.file)
        if given.readme:
            report.put_into_readme(sorted(RESULTS.glob("*.json")), builds.ROOT / "README.md")
        print(self.file.with_suffix(".md").read_text())


if __name__ == "__main__":
    Comparison(parse_arguments()).run()
