#!/usr/bin/env python3
"""Writes the golden files of tests/data/gguf with llama.cpp's own converter and its gguf package.

Made with the convert_hf_to_gguf.py of llama-cpp-python 0.3.16's source package (llama.cpp of 2025-08), transformers
4.40.2 and torch 2.2.2. usage: make_gguf.py LLAMA_CPP      the folder with convert_hf_to_gguf.py and gguf-py

bias.gguf, linear-0000?-of-00003.gguf   the models of tests/data/model of these names, in F32 and F16
llama3_factors.gguf                     rope_freqs.weight as the converter works it out for the model llama3
types.gguf                              every type of metadata; a tensor of every supported type, of counted bytes
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np

HERE = Path(__file__).resolve().parent
MODELS, OUT = HERE / "model", HERE / "gguf"


def load_converter(folder):
    sys.path.insert(0, str(folder))
    for part in ("", ".tokens", ".tokens.tokenizers", ".tokens.tokenizers.base", ".tokens.tokenizers.multimodal",
                 ".tokens.tokenizers.tekken", ".tokens.tokenizers.sentencepiece"):  # fmt: skip
        sys.modules["mistral_common" + part] = MagicMock()  # not needed for LLaMA
    import convert_hf_to_gguf as converter

    converter.LlamaModel.set_vocab = lambda self: self.gguf_writer.add_tokenizer_model("none")
    return converter


def convert(converter, model, target, file_type, **more):
    instance = converter.LlamaModel(model, file_type, target, model_name=model.name, **more)
    instance.write()


def factors_of(converter, gguf):
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "llama3"
        shutil.copytree(MODELS / "llama3", model)
        # The converter looks for this key beside rope_scaling instead of in it.
        config = json.loads((model / "config.json").read_text())
        config["original_max_position_embeddings"] = config["rope_scaling"]["original_max_position_embeddings"]
        (model / "config.json").write_text(json.dumps(config))
        whole = Path(scratch) / "whole.gguf"
        convert(converter, model, whole, gguf.LlamaFileType.ALL_F32)
        (tensor,) = (each for each in gguf.GGUFReader(whole).tensors if each.name == "rope_freqs.weight")
        factors = np.array(tensor.data)
    writer = gguf.GGUFWriter(OUT / "llama3_factors.gguf", "llama")
    writer.add_tensor("rope_freqs.weight", factors)
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_types(gguf):
    writer = gguf.GGUFWriter(OUT / "types.gguf", "llama")
    writer.add_custom_alignment(64)
    for name, value in dict(uint8=200, int8=-100, uint16=60000, int16=-30000, uint32=4000000000, int32=-2000000000,
                            uint64=2**63 + 1, int64=-(2**62), float32=0.1, float64=0.1, bool=True).items():  # fmt: skip
        getattr(writer, "add_" + name)("value." + name, value)
    writer.add_string("value.string", "naïve\n")
    writer.add_array("array.int32", [1, -2, 3])
    writer.add_array("array.float32", [0.5, -1.25])
    writer.add_array("array.bool", [True, False])
    writer.add_array("array.string", ["a", "", "ü"])
    writer.add_key_value("array.uint16", [1, 65535], gguf.GGUFValueType.ARRAY, gguf.GGUFValueType.UINT16)
    writer.add_array("array.array", [[1, 2], [3]])
    types = gguf.GGMLQuantizationType
    for kind in (types.F32, types.F16, types.BF16, types.F64, types.I8, types.I16, types.I32, types.I64, types.Q4_0,
                 types.Q4_1, types.Q5_0, types.Q5_1, types.Q8_0, types.Q4_K, types.Q5_K, types.Q6_K, types.IQ4_NL):  # fmt: skip
        block, size = gguf.GGML_QUANT_SIZES[kind]
        data = np.arange(3 * size, dtype=np.uint64).astype(np.uint8).reshape(3, size)
        writer.add_tensor(kind.name, data, raw_dtype=kind)
    finish(writer)


def main():
    converter = load_converter(Path(sys.argv[1]))
    gguf = converter.gguf
    OUT.mkdir(exist_ok=True)
    convert(converter, MODELS / "bias", OUT / "bias.gguf", gguf.LlamaFileType.ALL_F32)
    convert(converter, MODELS / "linear", OUT / "linear.gguf", gguf.LlamaFileType.MOSTLY_F16, split_max_tensors=8)
    factors_of(converter, gguf)
    write_types(gguf)


if __name__ == "__main__":
    main()
