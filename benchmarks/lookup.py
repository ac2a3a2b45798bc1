#!/usr/bin/env python3
"""What `chat --lookup` gains: greedy answers with and without it, in turn, which must be the same.

    lookup.py --model MODEL [--chat build/examples/chat] [--lookup 1 3 7] [--rounds 3] [--tokens 200] [--threads N]
              [--weights TYPE]

Three prompts: one that asks for a text again (all can be looked up), one for a text with one word replaced, and one for
a story (little can: what wrong guesses cost). Prints the medians of the decode speed that chat reports and their ratio to
the one without. Exit status 1 when an answer differs.
"""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXT = """\
The harbour of Linden lies at the mouth of the river Ask. Every spring the fishing boats are painted anew: blue for the \
families of the north bank, green for those of the south bank, and yellow for the pilot. On the first Monday in May the \
boats leave together before sunrise. The oldest captain, Marta Holm, fires a small cannon at the end of the pier, and the \
bells of both churches answer. When the boats return in the evening, the catch is weighed in the old customs house, and \
the heaviest one is sold for the benefit of the school."""
PROMPTS = {
    "copy": f"Repeat the following text word for word, and write nothing else.\n\n{TEXT}",
    "edit": f"Write the following text again with the name Marta Holm replaced by Jonas Berg, and nothing else.\n\n{TEXT}",
    "story": "Write a story about a fox who wants to learn how to swim.",
}
SPEED = re.compile(r"(\d+) new tokens \(([\d.]+) tokens/s\)(?:, (\d+) of (\d+) guessed ahead)?")


class Answer:
    def __init__(self, options, prompt, lookup):
        command = [options.chat, "--model", options.model, "--prompt", prompt, "--temperature", "0",
                   "--max-new-tokens", str(options.tokens), "--lookup", str(lookup)]  # fmt: skip
        for name in ("threads", "weights"):
            if value := getattr(options, name):
                command += [f"--{name}", value]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL)
        found = SPEED.search(done.stderr)
        if done.returncode != 0 or not found:
            sys.exit(f"{options.chat} failed: {done.stderr.strip()}")
        self.text = done.stdout
        self.tokens, self.speed = int(found[1]), float(found[2])
        self.accepted, self.drafted = int(found[3] or 0), int(found[4] or 0)


def measure(options, name):
    """Prints the rows of one prompt; false when an answer differs."""
    lookups = [0, *options.lookup]
    answers = {lookup: [] for lookup in lookups}
    for _ in range(options.rounds):
        for lookup in lookups:
            answers[lookup].append(Answer(options, PROMPTS[name], lookup))
    plain = answers[0][0]
    speeds = {lookup: statistics.median(each.speed for each in answers[lookup]) for lookup in lookups}
    same = True
    for lookup in lookups:
        one = answers[lookup][0]
        equal = all(each.text == plain.text and each.tokens == plain.tokens for each in answers[lookup])
        same = same and equal
        print(f"{name:8}{lookup:7}{one.tokens:8}{one.drafted:9}{one.accepted:10}{speeds[lookup]:11.1f}"
              f"{speeds[lookup] / speeds[0]:8.2f}  {'same' if equal else 'DIFFERENT'}", flush=True)  # fmt: skip
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--chat", default=str(ROOT / "build" / "examples" / "chat"))
    parser.add_argument("--lookup", type=int, nargs="+", default=[1, 3, 7])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--threads")
    parser.add_argument("--weights")
    options = parser.parse_args()
    print("prompt   lookup  tokens  drafted  accepted   tokens/s   ratio  answer")
    same = [measure(options, name) for name in PROMPTS]
    sys.exit(0 if all(same) else 1)


main()
