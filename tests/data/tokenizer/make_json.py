#!/usr/bin/env python3
"""Writes tests/data/tokenizer/json/: a small tokenizer.json and what tokenizers makes of it.

    python3 make_json.py        with transformers 4.40.2, tokenizers 0.19.1, sentencepiece 0.1.97

llama_small.json  a byte-fallback BPE of our own text, trained by SentencePiece and converted by transformers'
                  LlamaConverter
goldens.json      "texts", "id_lists", and "variants" of llama_small.json: "set" gives the keys that replace those of the
                  file ("model.KEY" one of the model's, null removes it), "ids" the ids of the texts, "decoded" the text of
                  these ids, "from_ids" the text of the id lists (null where the bytes are no UTF-8)
"""
import copy
import json
import os
import random
import tempfile

import sentencepiece
from tokenizers import Tokenizer
from transformers import LlamaTokenizer
from transformers.convert_slow_tokenizer import LlamaConverter

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "json")
WORDS = """the quick brown fox jumps over a lazy dog while seven wizards boxed with liquid jugs of hot tea and every
morning someone sings about mountains, rivers and the sea; then they'd "quote" it: 'fine', said the captain. Der Fluss
fließt über Brücken, la forêt était déjà verte, мир и труд, 日本語 と 中文。 if (x < 10) { return y[3] + 42; } else
  while (true) {    break;    }""".split("\n")


def train():
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        corpus = os.path.join(folder, "corpus.txt")
        pool = [word for line in WORDS for word in line.split(" ")]
        with open(corpus, "w", encoding="utf-8") as out:
            for line in WORDS * 20:
                out.write(line + "\n")
            for _ in range(2000):
                out.write(" ".join(random.choice(pool) for _ in range(12)) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            input=corpus, model_prefix=os.path.join(folder, "small"), vocab_size=480, model_type="bpe",
            byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
            split_digits=True, allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2)
        slow = LlamaTokenizer(os.path.join(folder, "small.model"), legacy=True)
        return json.loads(LlamaConverter(slow).converted().to_str())


def added(id, content, special=False, normalized=False, single_word=False, lstrip=False, rstrip=False):
    return dict(id=id, content=content, single_word=single_word, lstrip=lstrip, rstrip=rstrip, normalized=normalized,
                special=special)


def replace(pattern, content):
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


def split(pattern, behavior, invert=False):
    return {"type": "Split", "pattern": {"String": pattern}, "behavior": behavior, "invert": invert}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


def variants(base):
    size = len(base["model"]["vocab"])
    prepend = {"type": "Prepend", "prepend": "▁"}
    escape = replace(" ", "▁")
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
    first = dict(metaspace, prepend_scheme="first")
    none = {"normalizer": None}
    no_bytes = {"model.byte_fallback": False}
    tokens = base["added_tokens"] + [
        added(size, "<mask>", special=True, lstrip=True),
        added(size + 1, "<sep>", rstrip=True),
        added(size + 2, "tok", single_word=True),
        added(size + 3, "<s><s>"),
        added(size + 4, "both", single_word=True, lstrip=True, rstrip=True),
        added(size + 5, "  "),
        added(size + 6, "\ufffd!"),
    ]
    normalized = [dict(token, normalized=True) for token in tokens]
    normalized[8]["normalized"] = False
    yield "llama", {}
    yield "prepend_last", {"normalizer": sequence("normalizers", escape, prepend)}
    yield "gemma", {"normalizer": escape, "pre_tokenizer": split(" ", "MergedWithPrevious"),
                    "decoder": sequence("decoders", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"})}
    yield "metaspace_first", {**none, "pre_tokenizer": first, "decoder": metaspace}
    yield "metaspace_always", {**none, "pre_tokenizer": metaspace, "added_tokens": tokens}
    yield "metaspace_first_tokens", {**none, "pre_tokenizer": first, "added_tokens": normalized}
    yield "metaspace_never", {**none, "pre_tokenizer": dict(metaspace, prepend_scheme="never"),
                              "decoder": sequence("decoders", {"type": "ByteFallback"},
                                                  dict(metaspace, prepend_scheme="never"))}
    yield "metaspace_old", {**none, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁",
                                                      "add_prefix_space": True},
                            "decoder": sequence("decoders", {"type": "ByteFallback"},
                                                {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True})}
    yield "metaspace_underscore", {**none, "pre_tokenizer": {"type": "Metaspace", "replacement": "_",
                                                             "prepend_scheme": "always", "split": True}}
    yield "metaspace_first_split", {**none, "added_tokens": tokens,
                                    "pre_tokenizer": sequence("pretokenizers", split("o", "Isolated"),
                                                              dict(first, split=True))}
    yield "bare", {**none, "decoder": None, "model.ignore_merges": True}
    yield "tokens", {"added_tokens": tokens}
    yield "normalized_tokens", {"added_tokens": normalized}
    yield "normalized_blanks", {"added_tokens": base["added_tokens"] + [
        added(base["model"]["vocab"]["▁"], "▁", normalized=True), added(size, "the ", normalized=True)]}
    yield "replacements", {"normalizer": sequence("normalizers", replace("''", '"'), replace("e", "ee"),
                                                  replace("x", ""), {"type": "Prepend", "prepend": "a b"}),
                           "decoder": sequence("decoders", replace("▁", "-"), {"type": "Strip", "content": "-",
                                                                                "start": 1, "stop": 0},
                                               {"type": "ByteFallback"}, replace("e", "E"))}
    yield "strip_pieces", {"decoder": sequence("decoders", replace("▁", " "), {"type": "ByteFallback"},
                                               {"type": "Strip", "content": " ", "start": 2, "stop": 0}, {"type": "Fuse"},
                                               replace("a", "A"))}
    yield "strip_text", {"decoder": sequence("decoders", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
                                             {"type": "Strip", "content": "a", "start": 3, "stop": 0},
                                             {"type": "Strip", "content": " ", "start": 2, "stop": 0})}
    yield "unknown_fused", no_bytes
    yield "unknown_single", {**no_bytes, "model.fuse_unk": False}
    yield "unknown_dropped", {**no_bytes, "model.unk_token": None}
    yield "ignore_merges", {"model.ignore_merges": True, "model.merges": base["model"]["merges"][:40]}
    merges = base["model"]["merges"]
    yield "duplicate_merges", {"model.merges": merges + merges[:60:3]}
    yield "byte_merges", {"model.vocab": {**base["model"]["vocab"], "<0xF0><0x9F>": size, "a<0xF0>": size + 1},
                          "model.merges": ["a <0xF0>", "<0xF0> <0x9F>"] + merges}
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            yield f"split_{behavior}_{invert}", {"pre_tokenizer": split("▁", behavior, invert)}


TEXTS = [
    "", "a", " ", "  ", "   ", " a", "a ", "Hello", "the quick brown fox", " the  quick   brown    fox ", "▁the", "▁ ▁ the",
    "the▁quick", "\n", "\t\tif (x < 10) {\n    return y[3] + 42;\n}\n", "日本語と中文。", "мир и труд", "fließt über Brücken", "é",
    "e\u0301", "👩‍👩‍👧 🙂", "\0", "a\0b", "\u00a0a\u3000b\u2028", "<s>", "<s>the</s>", "the <s> quick", " <s>  </s> ", "<s><s>the",
    "<s", "<s><s", "</s></s>a", "<unk>", "the<unk>fox", "x <mask> y", "x   <mask>   y", "<mask>  <mask>", "x  <sep>  y",
    "<sep> \t\u00a0\n<mask>", "<sep>  <sep>", "tok", "a tok b", "atok tokb tok", "étok tok\u0301 tok_ tok1 tok.tok -tok-",
    "a both b", "aboth bothb  both  ", "both both", "''quoted''", "xxx", "exex ''e", "oo o", "foo  o", "▁▁a▁▁", " ▁ ",
    "the the the", "thethe ", " the", "<0x0A>", "\ufffd\ufffd!", "12345 67", "aaaaaaaaaa", "a" * 300, " " * 100, "o" * 40,
    "the_quick_brown", "_", "__a", "t\x01he qu\x02\x03ick", "\x7f\x80", "\U0010ffff\ud7ff\ue000", "aaa  aab",
] + [" " * n + "fox" for n in range(3, 20)]


def decoded(tokenizer, ids):
    text = tokenizer.decode(ids, skip_special_tokens=False)
    return None if "\ufffd" in text else text


def main():
    os.makedirs(FOLDER, exist_ok=True)
    base = train()
    rng = random.Random(2)
    texts = list(TEXTS)
    alphabet = list("the quickfox<s>_o''▁") + ["  ", "<s>", "</s>", "<mask>", " tok ", "<sep>", "é", "日", "🙂", "\n"]
    texts += ["".join(rng.choice(alphabet) for _ in range(rng.randint(2, 40))) for _ in range(60)]
    size = len(base["model"]["vocab"])
    id_lists = [[], [1], [2, 1, 0], [3 + 0x61], [3 + 0xF0, 3 + 0x9F, 3 + 0x99, 3 + 0x82, 3 + 0x20, 300]]
    id_lists += [[rng.choice([rng.randrange(3), rng.randrange(259, size), 3 + rng.randrange(128)])
                  for _ in range(rng.randint(1, 20))] for _ in range(30)]
    out = {"origin": "make_json.py with tokenizers 0.19.1", "texts": texts, "id_lists": id_lists, "variants": []}
    for name, changes in variants(base):
        description = copy.deepcopy(base)
        for key, value in changes.items():
            if key.startswith("model."):
                description["model"][key[6:]] = value
            else:
                description[key] = value
        tokenizer = Tokenizer.from_str(json.dumps(description))
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        out["variants"].append({
            "name": name, "set": changes, "ids": ids, "decoded": [decoded(tokenizer, list) for list in ids],
            "from_ids": [decoded(tokenizer, list) for list in id_lists]})
    with open(os.path.join(FOLDER, "llama_small.json"), "w", encoding="utf-8") as file:
        file.write(Tokenizer.from_str(json.dumps(base)).to_str(pretty=True))
        file.write("\n")
    with open(os.path.join(FOLDER, "goldens.json"), "w", encoding="utf-8") as file:
        json.dump(out, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
