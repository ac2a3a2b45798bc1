#!/usr/bin/env python3
"""Writes trie.json: [words, text, parts] as Trie.split of transformers 4.30.2 gives them."""
import json
import os
import random

import transformers
from transformers.tokenization_utils import Trie

FIXED = [
    (["abcd", "b"], "abxcd"), (["abcd", "b"], "zabxcdz"), (["[CLS]", "L"], "[CLS] L [CL"), ([], "abc"), (["a"], ""),
    (["extra_id_1", "extra_id_100"], "extra_id_100 extra_id_10 extra_id_1"), (["<s>", "</s>"], "x<s></s>\u3000</s"),
    (["友達", "友", "達磨"], "友達磨友友達"), (["b", "abc"], "ababc"), (["a", "aa", "aaaa"], "a" * 11)]


def cases(rng):
    yield from FIXED
    for _ in range(400):
        letters = rng.choice(["ab", "abc", "a友é", "<>s/ "])
        words = {"".join(rng.choice(letters) for _ in range(rng.randint(1, rng.choice([2, 5]))))
                 for _ in range(rng.randint(1, 5))}
        yield sorted(words), "".join(rng.choice(letters + "x") for _ in range(rng.randint(0, 20)))


def split(words, text):
    trie = Trie()
    for word in words:
        trie.add(word)
    return [words, text, trie.split(text)]


lines = [json.dumps(split(*case), separators=(",", ":")) for case in cases(random.Random(5))]
with open(os.path.dirname(os.path.abspath(__file__)) + "/trie.json", "w", encoding="utf-8") as out:
    out.write(f'{{"origin": "Trie.split of transformers {transformers.__version__}", "cases": [\n')
    out.write(",\n".join(lines) + "\n]}\n")
