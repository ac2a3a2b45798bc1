#!/usr/bin/env python3
"""Writes hf_legacy.json or hf.json: what the slow LlamaTokenizer of the transformers it runs with gives (4.30.2, or
4.40.2 with legacy=False) for folders of various make. Without the models it trains them first (sentencepiece 0.1.97).

    make_slow.py [--texts 60] [--seed 1] [--model FILE] [--out FILE]

With --model, all folders have that model instead of llama.model.
"""
import argparse
import json
import os
import random
import shutil
import tempfile

import sentencepiece
import transformers
from transformers import LlamaTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
LEGACY = transformers.__version__.startswith("4.30.")
CORPUS = [
    "The quick brown fox jumps over the lazy dog and asks the user for 1234 more words.",
    "def main(argc, argv): return [x for x in range(10) if x != 3]  # assistant <|user|> <|assistant|>",
    "Hello world! How are you today? I am fine, thanks; the weather isn't bad either.",
    "We've seen that they're not here, I'm sure. It's the user's own text, said the assistant.",
    "  indented lines   with several    blanks      in a row",
    "Größe, naïve, déjà vu, смысл слова, 友達 and more",
] * 20


def train():
    """With an iterator and a writer no path gets into the models."""
    common = dict(num_threads=1, character_coverage=1.0, minloglevel=2, normalization_rule_name="identity")
    kinds = {
        "llama": dict(vocab_size=420, model_type="bpe", byte_fallback=True, split_digits=True,
                      remove_extra_whitespaces=False, allow_whitespace_only_pieces=True),
        "spaces": dict(vocab_size=100, model_type="unigram", byte_fallback=False, remove_extra_whitespaces=True),
    }
    for name, kind in kinds.items():
        with open(f"{HERE}/{name}.model", "wb") as out:
            sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=out, **common, **kind)


def token(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, **flags}


def wrapped(content, **flags):
    return {"__type": "AddedToken", **token(content, **flags)}


def folders(size):
    """Name, model, files."""
    classes = {"bos_token": wrapped("<s>"), "eos_token": wrapped("</s>"), "unk_token": wrapped("<unk>")}
    plain = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    extra = [token("<l>", lstrip=True), token("<r>", rstrip=True), token("<lr>", lstrip=True, rstrip=True),
             token("<w>", single_word=True), token("<lw>", single_word=True, lstrip=True), "<plain>"]
    many = {"<a>": size, "<ab>": size + 1, "abcd": size + 2, "b": size + 3, " <q>": size + 4, "\n": size + 5,
            "\u3000z": size + 6, "<pad>": size + 7}
    decoder = {str(size): token("<pad>", special=True), str(size + 1): token("<tool>", lstrip=True),
               str(size + 2): token("<|end|>", special=True, rstrip=True), str(size + 3): token("w", single_word=True),
               str(size + 4): token("\u2581the"), "0": token("<unk>", special=True), "1": token("<s>", special=True),
               "2": token("</s>", special=True, rstrip=True)}
    yield "bare", "llama", {}
    yield "spaces", "spaces", {"special_tokens_map.json": plain}
    yield "tulu", "llama", {
        "tokenizer_config.json": {"add_bos_token": True, "tokenizer_class": "LlamaTokenizer", "pad_token": None,
                                  "model_max_length": 10 ** 30, **classes},
        "special_tokens_map.json": {**plain, "pad_token": "<pad>"}, "added_tokens.json": {"<pad>": size}}
    yield "objects", "llama", {
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", **classes},
        "special_tokens_map.json": {"bos_token": token("<s>"), "eos_token": token("</s>"), "unk_token": token("<unk>")}}
    yield "config", "llama", {
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "<|end|>",
                                  "pad_token": "<pad>", "sep_token": "<sep>", "clean_up_tokenization_spaces": True}}
    yield "extra", "llama", {
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "cls_token": "the",
                                  "mask_token": wrapped("<mask>", rstrip=True)},
        "special_tokens_map.json": {**plain, "additional_special_tokens": extra}}
    yield "many", "llama", {"special_tokens_map.json": {**plain, "pad_token": token("<pad>")},
                            "added_tokens.json": many}
    yield "many_mixed", "spaces", {"special_tokens_map.json": {**plain, "pad_token": "<pad>", "sep_token": "<a>",
                                                               "additional_special_tokens": ["\u2581", "<pad>"]},
                                   "added_tokens.json": {"<a>": 100, "<b>": 101, "<pad>": 102}}
    yield "decoder", "llama", {
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": decoder,
                                  "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
                                  "additional_special_tokens": ["<|end|>", "the"]},
        "special_tokens_map.json": {"pad_token": "[PAD]"}}
    yield "no_prefix", "llama", {
        "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "added_tokens_decoder": decoder,
                                  "add_prefix_space": False, "pad_token": "<pad>"}}
    yield "fast", "llama", {
        "tokenizer.json": {"added_tokens": [{"id": 1, **token("<s>", special=True)},
                                            {"id": 2, **token("</s>", special=True, rstrip=True)},
                                            {"id": size, **token("<pad>", special=True, lstrip=True)}]},
        "special_tokens_map.json": {**plain, "pad_token": "<pad>"}, "added_tokens.json": {"<pad>": size, "<x>": size + 1}}


def load(files, model):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(model, folder + "/tokenizer.model")
        for name, content in files.items():
            with open(f"{folder}/{name}", "w", encoding="utf-8") as out:
                json.dump(content, out)
        if not LEGACY:
            return LlamaTokenizer.from_pretrained(folder, legacy=False)
        tokenizer = LlamaTokenizer.from_pretrained(folder)
    if not files:  # as in the training of Tulu
        tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})
    return tokenizer


TURNS = ["<|user|>\nHi!\n<|assistant|>\nHello</s>\n<|user|>\nAnd you?\n<|assistant|>\n",
         "<s><|system|>\nBe brief.\n<|user|>\nHi!\n<|assistant|>\nHello</s>\n<|user|>\nMore \n<|assistant|>\n Well. </s>",
         "", " ", "<s>", "</s>", " <s>", "<s> ", "<s><s>", "</s></s> a", "a</s>", "\n</s>\n", "</s>\u00a0\u3000a", "\u2581",
         "\u2581<s>", "\u2581\u2581x <s>\u2581y", "<pad><pad>\n\n<pad> x", "abxcd", "abcd", "\u2581the", "the w w\nw",
         "a <w> b<w> c", "<w>", "x\n<lw> y", "\u3000z <q>\n"]
ATOMS = [" ", " ", "  ", "\n", "\n\n", "\t", "\u00a0", "\u3000", "\u2028", "\x1c", "\u200b", "\u2581", "a", "b", "w", "the",
         "Hello", "world", "12", "友", "é", "\U0001f999", "<", ">", "abx", "cd", "<|user|>", ".", "'s", "<ab", "<a"]


def texts(tokenizer, count, rng):
    special = list(dict.fromkeys(tokenizer.all_special_tokens + list(tokenizer.get_added_vocab())))
    yield from TURNS
    for _ in range(count):
        yield "".join(rng.choice(special if rng.random() < 0.4 else ATOMS) for _ in range(rng.randint(1, 12)))


def id_lists(tokenizer, encoded, count, rng):
    yield from (ids for ids in encoded[:20])
    special = [tokenizer.convert_tokens_to_ids(t) for t in tokenizer.all_special_tokens]
    known = list(range(len(tokenizer.sp_model))) + sorted(set(tokenizer.get_added_vocab().values()))
    pieces = [i for i in known if tokenizer.convert_ids_to_tokens(i).startswith("\u2581")]
    for _ in range(count):
        yield [rng.choice(special if rng.random() < 0.3 else pieces if rng.random() < 0.4 else known[-8:] if
                          rng.random() < 0.3 else known) for _ in range(rng.randint(1, 9))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model")
    parser.add_argument("--out", default=HERE + ("/hf_legacy.json" if LEGACY else "/hf.json"))
    options = parser.parse_args()
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    if not os.path.exists(HERE + "/llama.model"):
        train()
    rng = random.Random(options.seed)
    all_folders = []
    for name, model, files in folders(32000 if options.model else 420):
        if options.model and model != "llama":
            continue
        tokenizer = load(files, options.model or f"{HERE}/{model}.model")
        chosen = list(texts(tokenizer, options.texts, rng))
        encoded = [tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text)) for text in chosen]
        decodes = [{"ids": ids, "text": tokenizer.decode(ids)}
                   for ids in id_lists(tokenizer, encoded, options.texts, rng) if ids]
        all_folders.append({
            "name": name, "model": model, "files": {file: json.dumps(content) for file, content in files.items()},
            "texts": [{"text": text, "ids": ids} for text, ids in zip(chosen, encoded)], "decodes": decodes})
    mode = "hf-legacy" if LEGACY else "hf"
    with open(options.out, "w", encoding="utf-8") as out:
        out.write(f'{{"origin": "transformers {transformers.__version__}", "mode": "{mode}", "folders": [\n')
        out.write(",\n".join(json.dumps(folder, ensure_ascii=True, separators=(",", ":")) for folder in all_folders))
        out.write("\n]}\n")


main()
