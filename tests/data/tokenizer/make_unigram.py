#!/usr/bin/env python3
"""Trains small SentencePiece models and writes what they make of a list of texts, with sentencepiece 0.1.97.

Run: python3 make_unigram.py [FOLDER], FOLDER being unigram/ beside this script unless given. It writes

  NAME.model    a model, trained on text made here
  texts.hex     the texts, one a line, in hexadecimal: some are no UTF-8
  NAME.ids      the ids of each text, blank-separated, one text a line
  NAME.norm     the normalized texts in hexadecimal, for some of the models
"""

import io
import os
import pathlib
import random
import struct
import sys

import sentencepiece

WORDS = {
    "en": "the of and to in is that it was for on with as be at by this have from or one had not but what all were "
    "when we there can an your which their said if do will each about how up out them then she many some so these "
    "would other into has more her two like him see time could no make than first been its who now people my "
    "made over did down only way find use may water long little very after words called just where most know "
    "Houses READING ",
    "de": "der die das und ist nicht ein eine mit auf für von dem den sich auch über können Straße größer Mädchen",
    "fr": "le la les des est une pas que dans pour être avoir où déjà très français élève naïve cœur garçon leçon",
    "ru": "и в не на я быть он с что а по это она этот к но они мы весь который время люди говорить вопрос дом",
    "el": "και το να του η της με που στο από για είναι δεν άνθρωπος λόγος χρόνος",
    "hi": "है में के की और को से यह नहीं एक पर भी हिन्दी समय लोग",
    "ar": "في من على أن إلى هذا التي كان مع عن الذي كل يوم وقت",
    "zh": "的 一 是 不 了 人 我 在 有 他 这 中 大 来 上 国 个 到 说 们 为 子 和 你 地 出 会 时 要 就 学习 语言 模型",
    "ja": "は の に を た が で て と し れ さ ある いる する こと これ カタカナ テスト 日本語 言語 モデル",
    "ko": "이 그 저 것 수 등 사람 시간 말 한국어 모델 학습 있다 하다 되다",
    "code": "int return for while if (x == 0) { } std::vector<int> def self.value = None # -> += [i] \"text\" 'c'",
}
SYMBOLS = ["<sep>", "<sep>x", "ab", "abc", "abcd", "b▁c", "▁▁", "的人", "é", "12", "a b", "<|user|>"]
RULES = [
    ("a", "A"), ("aa", "B"), ("aaa", "a a"), ("aaaab", "long"), ("\t", " "), ("\n", " "), ("\u3000", " "),
    ("x", ""), ("xy", " "), ("yx", "  y "), ("ß", "ss"), ("é", "e\u0301"), ("fi", "ﬁ"), ("的", "▁"), ("q ", " Q"),
]  # fmt: skip

RULES_FILE = "rules.tsv"
# Pieces added after training: text, score, kind (1 normal, 5 unused).
APPENDED = [("zq", -1.0, 5), ("▁zq", -0.5, 5), ("aa", -2.0, 5), ("aaa", -3.0, 1), ("的人", -1.0, 5), ("zqa", -4.0, 1)]
NO_ESCAPE = b"\x28\x00"  # NormalizerSpec.escape_whitespaces = false, which no trainer accepts
# None has byte pieces: their pieces add up to the normalized text.
NORMALIZED = ["nmt_nfkc", "identity_suffix_keep", "rules", "rules_keep_user", "rules_no_prefix_user",
              "rules_no_escape"]  # fmt: skip


def sentences(seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        words = WORDS[rng.choice(sorted(WORDS))].split()
        text = [rng.choice(words) for _ in range(rng.randint(3, 14))]
        if rng.random() < 0.3:
            text.insert(rng.randrange(len(text)), str(rng.randrange(100000)))
        if rng.random() < 0.1:
            text.insert(rng.randrange(len(text)), "".join(rng.choice("abcdefghij") for _ in range(6)))
        glue = "" if words == WORDS["zh"].split() or words == WORDS["ja"].split() else " "
        yield glue.join(text) + rng.choice(["", ".", "!", "?", ",", " ;"])


def special_texts():
    yield from ["", " ", "  ", "\t", "\n", " \n ", "a", " a", "a ", "  a  b  "]
    yield from ["▁", "▁▁", "▁a", "a▁", " ▁ ", "a ▁ b"]
    yield from [" " * n for n in (3, 7, 16, 33, 100)]
    yield from ["x" + " " * n + "y" for n in (2, 3, 8, 31)]
    yield from ["\0", "a\0b", "the\0 the", "\0\0", "\u3000"]
    yield from ["\u3000a\u3000 b\u3000", "\xa0the\xa0", "\u200bthe\u200d"]
    yield from ["0", "123", "007 1234567890", "3.14e-10", "٠١٢", "１２３", "²³¹", "½ ⅓", "Ⅻ ⅷ", "①②③"]
    yield from ["Ｆｕｌｌ　ｗｉｄｔｈ", "ｶﾀｶﾅ ﾃｽﾄ ﾊﾞﾋﾟ", "ﬁne ﬂow oﬃce", "㍿ ㎏ ㏒", "ǅ Ĳ ŉ", "ﷺ", "ﷺﷺ the ﷺ", "…", "‥"]
    yield from ["e\u0301", "é", "A\u030a", "n\u0303o\u0308"]
    yield from ["a" + "\u0301" * 20, "\u0301", " \u0301", "q\u0307\u0323"]
    yield from ["\u1100\u1161\u11a8", "한국어", "각", "हिन्दी", "கொ", "ไทย"]
    yield from ["Ελλάδα ΐ", "İstanbul ıI", "Straße STRASSE ẞ"]
    yield from ["👩‍👩‍👧‍👦", "🏳️‍🌈 🇩🇪", "👍🏽", "🦙🦙", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𝒜", "\U0010ffff"]
    yield from ["\ufeffthe", "\ufffd", "\uffff", "\ue000"]
    yield from ["的", "的一是不了", "日本語のテスト", "学习语言模型", "龘龘龘", "龘 龘 the 龘", "the龘the", "龘ж龘", "漢字かな交じり文"]
    yield from ["the" * 50, "a" * 300, "z" * 300, "ab" * 200, "aab" * 70, "的" * 100, "🦙" * 60, "aaaab" * 9, "ﬃ" * 40]
    yield from ["<sep>", "<sep>x", "<sep><sep>", "<sepx", " <sep> ", "the<sep>the"]
    yield from ["<sep", "<SEP>", "<|user|>", "<|user|>\nthe"]
    yield from ["ab", "abc", "abcd", "abcab", "ababcd", "xabx", "b c", "b▁c", "b▁▁c", "ab▁c"]
    yield from ["a b", "xa bx", "a  b", "12", "123", "1 2"]
    yield from ["的人", "一的人一", "é", "éé", "e\u0301é", " 的人 ", "的 人", "abc" * 30, "<sep>" * 20, "12" * 25, "▁" * 21]
    yield from ["xy", "yx", "x", "xxx", "xyxyx", "ayxa", "yx  yx", "q q q", "q", "qq  "]
    yield from ["a\tb\nc", "aaaaab", "aaaa", "\r\n", "the\r\nof\x0b"]
    yield from ["zq", "zqzq a zqa", " aa aaaa", "aazq", "zqaa"]
    yield from ["</s>", "<s>the</s>", "<unk>", "<0x41>", "<0x0A>the", "<pad>", "ж<unk>龘", "unk ⁇ "]
    yield from ["\x01\x02\x7f", "\x85the", "the\u2028of\u2029", "\u00ad"]
    yield from ["a\u00adb", "\u202ethe\u202c", "\u200e\u200f"]


def invalid_texts():
    yield from [b"\xff", b"the\xffof", b"\xc3", b"a\xc3", b"\xc3a", b"\xe4\xb8"]
    yield from [b"\xe4\xb8\xffa", b"\xf0\x9f\xa6", b"\x80\x80"]
    yield from [b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf"]
    yield from [b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"]
    yield from [b"<sep\xff>", b"\xff<sep>", b" \xff ", b"\xff" * 12, b"ab\xe2\x96"]
    yield from [b"\xe2\x96 the", b"\xe2\x96\x81\xe2", b"e\xcc"]


def random_texts(seed):
    rng = random.Random(seed)
    alphabet = "".join(WORDS[name] for name in sorted(WORDS)) + "".join(SYMBOLS) * 3 + "    \t\n▁▁ﬁé\u0301Ａ１aaaxyq🦙‍龘\0"
    for _ in range(120):
        yield "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 30))).encode()
    for _ in range(60):
        yield " ".join(rng.choice(SYMBOLS + ["the", "a", "x", "龘", "  "]) for _ in range(rng.randint(1, 9))).encode()
    for _ in range(60):
        pool = b"\xe2\x96\x81 a\xc3\xa9b<sep>\x00\xff\xf0\x9f\xa6\x99\xcc\x81"
        yield bytes(rng.choice(pool) for _ in range(rng.randint(1, 24)))
    for _ in range(40):
        starts = [0x80, 0x250, 0x2000, 0x3000, 0xAC00, 0xF900, 0xFB00, 0x1D400, 0x2F800]
        yield "".join(chr(rng.choice(starts) + rng.randrange(256)) for _ in range(12)).encode()


def texts():
    out = [text.encode() for text in special_texts()]
    out += invalid_texts()
    out += random_texts(3)
    out += [text.encode() for text in sentences(4, 90)]
    return out


def models():
    """Name and training options of each model. The maps of nmt_nfkc and nfkc_cf are large, so two models have them."""
    custom = {"normalization_rule_tsv": RULES_FILE}
    identity = {"normalization_rule_name": "identity"}
    keep = {"remove_extra_whitespaces": False}
    user = {"user_defined_symbols": SYMBOLS}
    suffix = {"treat_whitespace_as_suffix": True}
    yield "nmt_nfkc", {"normalization_rule_name": "nmt_nfkc"}
    yield "nfkc_cf", {"normalization_rule_name": "nfkc_cf", "byte_fallback": True, **keep}
    yield "identity", identity
    yield "identity_keep", {**identity, **keep, "byte_fallback": True, "split_digits": True}
    yield "identity_user", {**identity, **user}
    yield "identity_keep_user", {**identity, **keep, **user, "byte_fallback": True}
    yield "identity_no_prefix", {**identity, "add_dummy_prefix": False}
    yield "identity_suffix_keep", {**identity, **keep, **suffix, **user}
    yield "rules", custom
    yield "rules_keep_user", {**custom, **keep, **user, "split_digits": True}
    yield "rules_suffix", {**custom, **suffix, "byte_fallback": True}
    yield "rules_no_prefix_user", {**custom, **user, "add_dummy_prefix": False}
    yield "rules_no_escape", {**custom, **user, "append": field(3, NO_ESCAPE)}
    yield "unused", {**identity, **keep, "append": b"".join(piece(*each) for each in APPENDED)}
    yield "across_words", {**identity, **keep, "split_by_whitespace": False, "split_by_unicode_script": False}
    yield "bpe", {**identity, "model_type": "bpe"}
    digits = {"split_digits": True}
    yield "bpe_keep_user", {**identity, **keep, **user, **digits, "model_type": "bpe", "byte_fallback": True}
    yield "bpe_unused", {**identity, "model_type": "bpe", "append": b"".join(piece(*each) for each in APPENDED)}
    yield "bpe_rules_user", {**custom, **user, "model_type": "bpe"}
    yield "bpe_rules_suffix", {**custom, **suffix, "model_type": "bpe", "byte_fallback": True}


def write_lines(path, lines):
    pathlib.Path(path).write_text("".join(line + "\n" for line in lines))


def field(number, content):
    return bytes([number << 3 | 2, len(content)]) + content


def piece(text, score, kind):
    """A piece of ModelProto. Appended to a serialized one, it becomes the last piece."""
    return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes([0x18, kind]))


def train(options, corpus):
    """A serialized model. It names no files: the trainer gets and returns bytes."""
    options = {"model_type": "unigram", "character_coverage": 0.995, **options}
    appended = options.pop("append", b"")
    size = 400 + (256 if options.get("byte_fallback") else 0)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, vocab_size=size, hard_vocab_limit=False, num_threads=1,
        minloglevel=2, **options,
    )  # fmt: skip
    return model.getvalue() + appended


def main():
    here = pathlib.Path(__file__).resolve().parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "unigram"
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    corpus = list(sentences(1, 3000))
    inputs = texts()
    write_lines("texts.hex", (text.hex() for text in inputs))
    write_lines(RULES_FILE, ("\t".join(" ".join(f"{ord(c):X}" for c in side) for side in rule) for rule in RULES))
    for name, options in models():
        model = train(options, corpus)
        pathlib.Path(f"{name}.model").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        write_lines(f"{name}.ids", (" ".join(map(str, processor.encode(text))) for text in inputs))
        if name in NORMALIZED:
            write_lines(f"{name}.norm", (b"".join(processor.encode(text, out_type=str)).hex() for text in inputs))
    pathlib.Path(RULES_FILE).unlink()


if __name__ == "__main__":
    main()
