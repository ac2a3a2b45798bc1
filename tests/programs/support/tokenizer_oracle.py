"""A process that answers for one of the original tokenizers: `PYTHON tokenizer_oracle.py MODE MODEL`.

MODE is spm (MODEL: a SentencePiece file), hf-legacy, hf (a folder), hf-fast (a tokenizer.json), or llama.cpp and
llama.cpp-special (a GGUF file), the latter with special tokens found in texts. Requests on stdin:
`e` or `d`, the size of the rest as 4 bytes (little endian), and a text, or ids as the program takes them. Answers on
stdout, the first of them to no request, with the library's name and version: one byte, 0 for done and 1 for failed,
4 bytes of size, and the ids or the text or what has gone wrong.
"""

import sys

sys.path.pop(0)  # this folder, whose modules have the names of the library's own

import importlib
import os
import struct


def sentencepiece_model(path):
    library = importlib.import_module("sentencepiece")
    processor = library.SentencePieceProcessor()
    processor.Load(path)
    return f"sentencepiece {library.__version__}", processor.encode, processor.decode


def slow_tokenizer(path, **options):
    library = importlib.import_module("transformers")
    library.logging.set_verbosity(100)
    tokenizer = library.LlamaTokenizer.from_pretrained(path, **options)
    return (f"transformers {library.__version__}",
            lambda text: tokenizer.encode(text.decode("utf-8"), add_special_tokens=False), tokenizer.decode)  # fmt: skip


def fast_tokenizer(path):
    library = importlib.import_module("tokenizers")
    tokenizer = library.Tokenizer.from_file(path)
    return (f"tokenizers {library.__version__}",
            lambda text: tokenizer.encode(text.decode("utf-8"), add_special_tokens=False).ids,
            lambda ids: tokenizer.decode(ids, skip_special_tokens=False))  # fmt: skip


def llama_cpp(path, special):
    library = importlib.import_module("llama_cpp")
    model = library.Llama(path, vocab_only=True, verbose=False)
    return (f"llama_cpp {library.__version__}", lambda text: model.tokenize(text, add_bos=False, special=special),
            lambda ids: model.detokenize(ids, special=True).decode("utf-8"))  # fmt: skip


MODES = {"spm": sentencepiece_model, "hf-legacy": slow_tokenizer, "hf-fast": fast_tokenizer,
         "hf": lambda path: slow_tokenizer(path, legacy=False), "llama.cpp": lambda path: llama_cpp(path, False),
         "llama.cpp-special": lambda path: llama_cpp(path, True)}  # fmt: skip


def answer(failed, data):
    output.write(struct.pack("<BI", failed, len(data)) + data)
    output.flush()


def serve(encode, decode):
    while header := sys.stdin.buffer.read(5):
        operation, size = struct.unpack("<cI", header)
        data = sys.stdin.buffer.read(size)
        try:
            if operation == b"e":
                answer(0, " ".join(map(str, encode(data))).encode("ascii"))
            else:
                answer(0, decode(list(map(int, data.split()))).encode("utf-8"))
        except Exception as error:
            answer(1, f"{type(error).__name__}: {error}".encode())


output = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # what the libraries print goes to stderr
try:
    name, encode, decode = MODES[sys.argv[1]](sys.argv[2])
except Exception as error:
    answer(1, f"{type(error).__name__}: {error}".encode())
else:
    answer(0, name.encode())
    serve(encode, decode)
