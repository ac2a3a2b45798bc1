"""Models on disk in Hugging Face layout: safetensors with 16-bit floats, config and tokenizer files."""

import json
import math
import shutil
import struct
from pathlib import Path

import numpy
import torch

BOS, EOS = 1, 2
PAD = "<pad>"
ROWS_PER_TOKEN = ("model.embed_tokens.weight", "lm_head.weight")
TORCH_TYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_safetensors(path, tensors):
    """Writes the tensors as float16, in the order of their names."""
    header, data, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name in sorted(tensors):
        data.append(tensors[name].detach().half().contiguous().numpy().tobytes())
        end = offset + len(data[-1])
        header[name] = {"dtype": "F16", "shape": list(tensors[name].shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def read_safetensors(path):
    """The tensors of a file as float32."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8:8 + size]), numpy.frombuffer(content, dtype=numpy.uint8, offset=8 + size)
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = torch.from_numpy(data[begin:end].copy()).view(TORCH_TYPES[entry["dtype"]])
        tensors[name] = raw.float().reshape(entry["shape"])
    return tensors


def _config(config, rows):
    return {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": BOS,
        "eos_token_id": EOS, "hidden_act": "silu", "hidden_size": config["hidden_size"], "initializer_range": 0.02,
        "intermediate_size": config["intermediate_size"], "max_position_embeddings": config["max_position_embeddings"],
        "model_type": "llama", "num_attention_heads": config["num_attention_heads"],
        "num_hidden_layers": config["num_hidden_layers"], "num_key_value_heads": config["num_attention_heads"],
        "pad_token_id": rows - 1 if rows > config["vocab_size"] else 0, "pretraining_tp": 1,
        "rms_norm_eps": config["rms_norm_eps"], "rope_scaling": None, "rope_theta": config["rope_theta"],
        "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.30.2", "use_cache": True,
        "vocab_size": rows,
    }


def _special_tokens(tuned):
    """Plain strings, as Tulu's training set them: its tokenizer drops the white space beside them."""
    pad = {"pad_token": PAD} if tuned else {}
    return {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", **pad}


def _tokenizer_config(length):
    return {
        "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "clean_up_tokenization_spaces": False,
        "eos_token": "</s>", "model_max_length": length, "sp_model_kwargs": {}, "tokenizer_class": "LlamaTokenizer",
        "unk_token": "<unk>",
    }


def _with_row_for_pad(tensors):
    """A tuned model of the time has a row more than its base, for <pad>: the mean of the others."""
    grown = {}
    for name in ROWS_PER_TOKEN:
        grown[name] = torch.cat([tensors[name], tensors[name].mean(0, keepdim=True)])
    return {**tensors, **grown}


def save(folder, model, config, tokenizer_model, tuned):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = dict(model.state_dict())
    if tuned:
        tensors = _with_row_for_pad(tensors)
        _write_json(folder / "added_tokens.json", {PAD: config["vocab_size"]})
    write_safetensors(folder / "model.safetensors", tensors)
    rows = tensors["lm_head.weight"].shape[0]
    _write_json(folder / "config.json", _config(config, rows))
    _write_json(folder / "generation_config.json", {
        "_from_model_config": True, "bos_token_id": BOS, "eos_token_id": EOS,
        "pad_token_id": _config(config, rows)["pad_token_id"], "transformers_version": "4.30.2"})
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(config["max_position_embeddings"]))
    _write_json(folder / "special_tokens_map.json", _special_tokens(tuned))
    if Path(tokenizer_model) != folder / "tokenizer.model":
        shutil.copyfile(tokenizer_model, folder / "tokenizer.model")


def load(folder, make_model, rows=None):
    """make_model(config) filled with the folder's weights, and its tokenizer.model's path; `rows` drops a <pad>."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text())
    tensors = read_safetensors(folder / "model.safetensors")
    if rows is not None:
        config["vocab_size"] = rows
        tensors.update({name: tensors[name][:rows] for name in ROWS_PER_TOKEN})
    model = make_model(config)
    model.load_state_dict(tensors)
    assert all(math.isfinite(weight.sum()) for weight in model.parameters())
    return model, folder / "tokenizer.model"
