"""Run by an interpreter that has torch and transformers: writes models of random weights and what transformers computes.

    forward_oracle.py FOLDER SEED

On stdin a JSON list of cases: {"name", "dtype", "config", "tokens", "greedy"}. Each that this version of transformers knows
gets FOLDER/NAME with config.json, weights, ids.npy, logits.npy (float32 [tokens, vocabulary]; computed in float32 with
weights that were rounded to dtype) and, when `greedy` is not 0, greedy.npy and margins.npy (the first 16 ids and as many more
as it says; for each of those the distance of the two largest logits, of the largest one). On stdout one line for each:
the name, and why it was left out or nothing; before them the version.
"""

import json
import sys
from pathlib import Path

sys.path.pop(0)  # this folder, whose numbers.py is not the one of Python

import numpy as np
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

transformers.logging.set_verbosity_error()
PROMPT, PIECE = 16, 1024
VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:2])
SINCE = {"mlp_bias": (4, 41), "llama3": (4, 43), "head_dim": (4, 46)}


def too_new(config):
    wanted = [*config, (config.get("rope_scaling") or {}).get("type")]
    return next((f"{name} needs transformers {SINCE[name]}" for name in wanted if SINCE.get(name, VERSION) > VERSION), "")


def make_model(config, dtype, seed):
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config).eval()
    for name, values in model.named_parameters():
        if values.ndim == 1:
            values.copy_(0.1 * torch.randn_like(values) + (1 if name.endswith(".weight") else 0))
        else:
            values.copy_(torch.randn_like(values) / values.shape[1] ** 0.5)
        values.copy_(values.to(dtype).float())
    return model


def logits_of(model, ids):
    """Of every position, in pieces when the scores of all would not fit the memory."""
    scaling = model.config.rope_scaling or {}
    if len(ids) <= PIECE or "dynamic" in scaling.values():
        return model(torch.tensor(ids)[None]).logits[0].numpy()
    rows, cache = [], None
    for first in range(0, len(ids), PIECE):
        result = model(torch.tensor(ids[first : first + PIECE])[None], past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        rows.append(result.logits[0].numpy())
    return np.concatenate(rows)


def continue_greedily(model, ids, count):
    ids, margins, cache, new = list(ids), [], None, list(ids)
    for _ in range(count):
        result = model(torch.tensor([new]), past_key_values=cache, use_cache=True)
        cache, last = result.past_key_values, result.logits[0, -1]
        best = torch.topk(last, 2)
        margins.append(float((best.values[0] - best.values[1]) / last.abs().max()))
        new = [int(best.indices[0])]
        ids += new
    return ids, margins


def write(folder, case, seed):
    config = LlamaConfig(**case["config"])
    dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[case["dtype"]]
    model = make_model(config, dtype, seed)
    ids = np.random.default_rng(seed).integers(0, config.vocab_size, case["tokens"]).astype(np.int32)
    logits = logits_of(model, ids.tolist()).astype(np.float32)
    if case["greedy"]:
        greedy, margins = continue_greedily(model, ids[:PROMPT].tolist(), case["greedy"])
        np.save(folder / "greedy.npy", np.array(greedy, np.int32))
        np.save(folder / "margins.npy", np.array(margins, np.float32))
    model.to(dtype).save_pretrained(folder, max_shard_size="200KB")
    np.save(folder / "ids.npy", ids)
    np.save(folder / "logits.npy", logits)


if __name__ == "__main__":
    print("transformers", transformers.__version__, "torch", torch.__version__)
    with torch.no_grad():
        for number, case in enumerate(json.load(sys.stdin)):
            reason = too_new(case["config"])
            if not reason:
                folder = Path(sys.argv[1]) / case["name"]
                folder.mkdir(parents=True)
                write(folder, case, int(sys.argv[2]) + number)
            print(case["name"], reason, flush=True)
