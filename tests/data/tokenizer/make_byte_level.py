#!/usr/bin/env python3
"""Writes tests/data/tokenizer/byte_level/goldens.json: small byte-level tokenizers and what tokenizers makes of them.

    python3 make_byte_level.py        with tokenizers 0.19.1

"bases"     three tokenizer.json files: trained here with the patterns of GPT-2 and of Llama 3, and the first one with
            fewer pieces
"texts"     and "id_lists": what is encoded and decoded
"variants"  of a "base": "set" gives the keys that replace those of the file ("model.KEY" one of the model's), "ids" the
            ids of the texts, "decoded" the text of these ids (true where it is the text that was encoded), "from_ids" the
            text of the id lists for some variants (null where the bytes are no UTF-8)
"""
import json
import os
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "byte_level")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")  # fmt: skip
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CORPUS = """the quick brown fox jumps over a lazy dog while seven wizards boxed with liquid jugs of hot tea and every
morning someone sings about mountains, rivers and the sea; then they'd "quote" it: 'fine', said the captain, who's 1234
years old and hadn't 12 men. Der Fluss fließt über Brücken, la forêt était déjà verte, мир и труд, 日本語 と 中文。\n\n
if (x < 10) { return y[3] + 42; } else {\n    while (true) {    break;    }\n}\n\n\treturn x->y;\r\n
WE'LL SEE, they've done 'em; I'm ok 🙂 👍🏽\n"""
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

TEXTS = [
    "", "a", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", "a ", " a", "  a", "a  ", "a  b", "a   b\n", "Hello, the quick fox!",
    "they'd he's we're I'm you'll don't they've", "THEY'D HE'S WE'RE I'M YOU'LL DON'T THEY'VE", "it'\u017f it'\u017fx '\u017f",
    "'S'T'RE'Re'rE'VE'M'LL'lL'D", "'s't're've'm'll'd", " 's 't", "'", "''", "''s", "'sa 'tb x'", "'r 'v 'l 're", "\u2019s it\u2019s",
    "'\u212aa 'K \ufb06 'ß", "(hello) ((hello)) [x] {y}", "x=1;y=22;z=333;w=4444;v=55555", "1234567", "12 345 6789", "a1b22c333",
    " 1 12 123 1234", "3.14159 1,000,000", "\u0661\u0662\u0663\u0664 ½ Ⅻ ② 一二三 \U0001d7d9\U0001d7da", "x²y³",
    "\U00011f50\U00011f51 \U0001d2c0 a\U0001e4f0b  \U0001e4f1", "tabs\tand\t\tmore\t\t\tx", "a\r\nb\r\n\r\nc\rd",
    "line\n\n\n  indented\n\t\n   \n\n x", "   \n   \n   x", "!\n!\n\n x", "...\r\n\r\n  y", " !!\n", "? \n?", "end   ", "end\n", "end \n ",
    "  1", "   22", "\n1", " \n 1", "a\xa0b \xa0\xa0c", "\u3000x\u3000\u3000y", "日本語の文章です。中文在这里，没有空格！", "мир и труд", "한국어 텍스트",
    "ไทยกำลัง हिन्दी العربية עברית", "e\u0301 e\u0301\u0301 \u0301x x\u0301y", "fließt über Brücken, déjà", "👩‍👩‍👧 🙂👍🏽 🇩🇪", "\u200b\u200dx \ufeffy \u2060",
    "\0a\0\0b\x01\x7f", "\x80\x9f\xad", "\ufffd\ufffd!", "\U0010ffff\ud7ff\ue000", "snake_case camelCase __init__", "a-b--c---d",
    "http://x.org/a?b=c&d=%20#e", "if (x < 10) {\n    return y[3] + 42;\n}\n", "def f(x):\n\treturn x ** 2\n\n\nclass A: pass", "$100 €5 £3 ¥2",
    "a\u2028b\u2029c", "<s>", "<s>the</s>", " <s> the  </s> ", "<mask>", "x  <mask>  y", "x  <sep>  y", "tok atok tok a", "éé<s>é", "the éé tok", "éééé",
    "<|end|>", "a<|end|>b <|end|>", "Ġthe Ċ", "the" * 40, " " * 60 + "x", "\n" * 50, "ab" * 60, "1" * 50, "quick" * 9 + "!", "!?" * 40,
    "a" * 200, "日本語" * 30, "wizardswizards boxedmountains", " Mountains MOUNTAINS mountains", "it's   the\n\n  end 12  34\t5",
] + [f"a{c}b {c}{c} {c}x{c}" for c in WHITE_SPACE[::2]] + [f"{c}\n{c}" for c in WHITE_SPACE[::3]] + ["".join(WHITE_SPACE), "x".join(WHITE_SPACE)]  # fmt: skip


def train(pre_tokenizer):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=256 + 2 + 260, special_tokens=["<s>", "</s>"], min_frequency=1, show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))  # fmt: skip
    random.seed(2)
    words = CORPUS.split(" ")
    shuffled = [" ".join(random.choice(words) for _ in range(20)) for _ in range(30)]
    tokenizer.train_from_iterator([CORPUS] * 10 + shuffled, trainer)
    return json.loads(tokenizer.to_str())


def without_bytes(base, removed):
    """No pieces for some characters of the alphabet, but in one piece that no merge makes."""
    root = json.loads(json.dumps(base))
    model = root["model"]
    pieces = [piece for piece in sorted(model["vocab"], key=model["vocab"].get) if not any(c in piece for c in removed)]
    model["vocab"] = {piece: number for number, piece in enumerate(pieces + ["t" + removed[0]])}
    model["merges"] = [merge for merge in model["merges"] if not any(c in merge for c in removed)]
    return root


def added(id, content, special=False, normalized=False, single_word=False, lstrip=False, rstrip=False):
    return dict(id=id, content=content, single_word=single_word, lstrip=lstrip, rstrip=rstrip, normalized=normalized,
                special=special)


def byte_level(use_regex, add_prefix_space=False):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def split(pattern, behavior="Isolated", invert=False):
    return sequence({"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}, byte_level(False))


def variants(bases):
    gpt2, llama3 = bases["gpt2"], bases["llama3"]
    size = len(gpt2["model"]["vocab"])
    tokens = gpt2["added_tokens"] + [
        added(size, "<mask>", special=True, lstrip=True), added(size + 1, "<sep>", rstrip=True, normalized=True),
        added(size + 2, "tok", single_word=True), added(size + 3, "éé", normalized=True), added(size + 4, " x"),
        added(size + 5, "<|end|>", special=True)]  # fmt: skip
    unknown = {"model.unk_token": "</s>"}
    digits = sequence({"type": "Digits", "individual_digits": True}, byte_level(True))

    yield "gpt2", "gpt2", {}
    yield "gpt2_prefix", "gpt2", {"pre_tokenizer": byte_level(True, True), "added_tokens": tokens}
    yield "gpt2_split", "gpt2", {"pre_tokenizer": split(gpt2_pattern()), "added_tokens": tokens}
    yield "whole", "gpt2", {"pre_tokenizer": byte_level(False)}
    yield "smollm", "gpt2", {"pre_tokenizer": digits}
    yield "bytes_dropped", "few", {"pre_tokenizer": digits}
    yield "bytes_dropped_ignore_merges", "few", {"model.ignore_merges": True, "model.merges": bases["few"]["model"]["merges"][:80]}
    yield "unknown_single", "few", {**unknown, "model.fuse_unk": False}
    yield "unknown_fused", "few", {**unknown, "model.fuse_unk": True}
    yield "llama3", "llama3", {"model.ignore_merges": True, "model.merges": llama3["model"]["merges"][:150],
                               "added_tokens": tokens}  # fmt: skip
    yield "llama3_pairs", "llama3", {"model.merges": [merge.split(" ") for merge in llama3["model"]["merges"]],
                                     "pre_tokenizer": split(LLAMA3, "Removed", True)}  # fmt: skip
    yield "qwen2", "llama3", {"pre_tokenizer": split(QWEN2)}


def gpt2_pattern():
    return r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def main():
    os.makedirs(FOLDER, exist_ok=True)
    bases = {"gpt2": train(pre_tokenizers.ByteLevel(add_prefix_space=False)),
             "llama3": train(pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                                                      pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]))}  # fmt: skip
    bases["few"] = without_bytes(bases["gpt2"], "hãĢĄéĊ")
    random.seed(3)
    id_lists = [[random.randrange(400) for _ in range(random.randrange(1, 12))] for _ in range(40)]
    id_lists += [[id] for id in range(0, 400, 7)]
    out = {"bases": bases, "texts": TEXTS, "id_lists": id_lists, "variants": []}
    for name, base, changes in variants(bases):
        root = json.loads(json.dumps(bases[base]))
        for key, value in changes.items():
            if key.startswith("model."):
                root["model"][key[6:]] = value
            else:
                root[key] = value
        pairs = name == "llama3_pairs"  # tokenizers 0.19 reads only the other form
        if pairs:
            root["model"]["merges"] = [" ".join(merge) for merge in root["model"]["merges"]]
        tokenizer = Tokenizer.from_str(json.dumps(root))

        def decode(ids):
            text = tokenizer.decode(ids, skip_special_tokens=False)
            return None if "\ufffd" in text else text

        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        out["variants"].append({"name": name, "base": base, "set": changes, "ids": ids,
                                "decoded": [True if text == back else back for text, back in zip(TEXTS, map(decode, ids))],
                                "from_ids": list(map(decode, id_lists if name.startswith("gpt2") else []))})  # fmt: skip
    path = os.path.join(FOLDER, "goldens.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(out, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    print(path, os.path.getsize(path))


if __name__ == "__main__":
    main()
