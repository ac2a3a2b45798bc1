"""Vocabularies in GGUF, by gguf-py: `PYTHON gguf_files.py make MODEL F.gguf` or `PYTHON gguf_files.py json F.gguf T.json`.

make writes what llama.cpp's converter writes for a SentencePiece file; json writes the tokenizer.json that a byte-level
vocabulary was converted from, as far as GGUF says it, with tokenizers' own names for the pre-tokenizers.
"""

import json
import sys
from pathlib import Path

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")  # fmt: skip


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def before(step, use_regex):
    return {"type": "Sequence", "pretokenizers": [step, byte_level(use_regex)]}


def split(pattern):
    return before({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}, False)


PRE_TOKENIZERS = {
    "gpt-2": byte_level(True),
    "smollm": before({"type": "Digits", "individual_digits": True}, True),
    "llama-bpe": split(LLAMA3),
    "qwen2": split(LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")),
}


def make(model, path):
    import gguf
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model)

    def kind(number):
        if pieces.IsUnknown(number):
            return gguf.TokenType.UNKNOWN
        if pieces.IsControl(number):
            return gguf.TokenType.CONTROL
        return gguf.TokenType.BYTE if pieces.IsByte(number) else gguf.TokenType.NORMAL

    numbers = range(pieces.GetPieceSize())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(2048)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([pieces.IdToPiece(i).encode("utf-8") for i in numbers])
    writer.add_token_scores([pieces.GetScore(i) for i in numbers])
    writer.add_token_types([kind(i) for i in numbers])
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    writer.add_unk_token_id(pieces.unk_id())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def to_json(path, out):
    import gguf

    fields = gguf.GGUFReader(path).fields
    get = lambda name: fields["tokenizer.ggml." + name].contents()
    tokens, types = get("tokens"), get("token_type")
    added = [{"id": i, "content": tokens[i], "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": kind == 4, "special": kind == 3} for i, kind in enumerate(types) if kind in (3, 4)]  # fmt: skip
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": get("pre") == "llama-bpe",
             "vocab": {text: i for i, text in enumerate(tokens)}, "merges": get("merges")}  # fmt: skip
    root = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": PRE_TOKENIZERS[get("pre")], "post_processor": None, "decoder": byte_level(True), "model": model}  # fmt: skip
    Path(out).write_text(json.dumps(root, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules have the names of libraries
    {"make": make, "json": to_json}[sys.argv[1]](*sys.argv[2:])
