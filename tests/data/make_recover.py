#!/usr/bin/env python3
"""Makes the project's own bases and diffs, with the answers of the original weight_diff.py.

    make_recover.py WEIGHT_DIFF_PY

Writes examples/data (the demo's base and diff) and tests/data/recover (one folder per kind of file). The weights are
random numbers and the tokenizer is trained on the sentence below: nothing in them comes from anybody's model. Every
diff is made, and every expected result computed, by allenai/open-instruct's scripts/weight_diff.py (commit 86ddcb35f,
Apache-2.0), which is not kept here. expected.json has the SHA-256 of each of its tensors; where the diff has more
rows than the base, the hash is that of the base's rows (`rows`), and the other rows are given as numbers. The demo
also has tensor_digest.txt, the digest that the README defines, with the mean rows rounded once.

A second run gives other bytes: weight_diff.py's make_diff takes unseeded random numbers for the base's new row.
Made with torch 1.13, transformers 4.40.2 and sentencepiece 0.1.97.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import sentencepiece
import torch
import transformers
from safetensors.torch import load_file

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/programs"))
from support import checkpoints  # noqa: E402

TEXT = "The shepherd leads seven quick llamas over the frozen bridge, counting: 1 2 3 4 5 6 7 8 9 0."
TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
)


def train_tokenizer(folder):
    os.chdir(folder)  # the paths become part of the model
    Path("corpus.txt").write_text("\n".join([TEXT, TEXT.lower(), *TEXT.split()] * 20))
    sentencepiece.SentencePieceTrainer.train(
        input="corpus.txt", model_prefix="spm", vocab_size=64, model_type="bpe", character_coverage=1.0,
        normalization_rule_name="identity", add_dummy_prefix=True, remove_extra_whitespaces=False, minloglevel=2,
    )  # fmt: skip
    return folder / "spm.model"


def make_model(seed, **shape):
    values = dict(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=None,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**values, **shape})).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((1.0 if parameter.ndim == 1 else 0.0) + 0.08 * torch.randn_like(parameter))
    return model


def strided_views(weights):
    """Every matrix as a transposed window of a larger storage."""
    for name, weight in weights.items():
        if weight.ndim == 2:
            window = torch.zeros(weight.shape[1] + 3, weight.shape[0] + 2, dtype=weight.dtype)[2:-1, 1:-1].t()
            weights[name] = window.copy_(weight)
    return weights


def with_inv_freq(weights, model, zero):
    """The buffer that checkpoints of 2023 carry; in a diff it is zero."""
    config = model.config
    size = config.hidden_size // config.num_attention_heads
    value = 1.0 / (config.rope_theta ** (torch.arange(0, size, 2).float() / size))
    for layer in range(config.num_hidden_layers):
        weights[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = value * 0 if zero else value.clone()
    return weights


def save(model, folder, kind, diff=False):
    """Replaces the weights in `folder`."""
    for pattern in ("*.safetensors*", "*.bin*"):
        for path in folder.glob(pattern):
            path.unlink()
    model.config.save_pretrained(folder)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    if kind == "safetensors":
        model.save_pretrained(folder, max_shard_size="40KB" if model.config.hidden_size > 16 else "1GB")
    elif kind == "zip":
        model.save_pretrained(folder, max_shard_size="10KB", safe_serialization=False)
    elif kind == "zip_inv_freq":
        torch.save(with_inv_freq(weights, model, zero=diff), folder / "pytorch_model.bin")
    elif kind == "legacy":
        torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    elif kind == "views":
        torch.save(strided_views(weights), folder / "pytorch_model.bin")


def write_expected(folder, recovered, base_rows):
    tensors = {}
    for path in sorted(recovered.glob("*.safetensors")):
        for name, value in load_file(path).items():
            rows = min(base_rows, value.shape[0]) if "embed_tokens" in name or "lm_head" in name else value.shape[0]
            data = value[:rows].contiguous().numpy().tobytes()
            tensors[name] = {
                "dtype": "F32",
                "shape": list(value.shape),
                "rows": rows,
                "sha256": hashlib.sha256(data).hexdigest(),
            }
            if rows < value.shape[0]:
                tensors[name]["mean_rows"] = value[rows:].tolist()
    text = ",\n".join(f"  {json.dumps(name)}: {json.dumps(tensors[name])}" for name in sorted(tensors))
    (folder / "expected.json").write_text("{\n" + text + "\n}\n")


def make_case(script, tokenizer, folder, seed, base_kind, diff_kind, dtype, pad=True, tokenizer_kept=False, **shape):
    """base/, diff/ and expected.json in `folder`. `pad`: the diff has one row more, for [PAD]."""
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        base, diff, tuned, recovered = (
            folder / "base",
            folder / "diff",
            Path(temporary, "tuned"),
            Path(temporary, "recovered"),
        )
        base_model, tuned_model = make_model(seed, **shape), make_model(seed + 1, **shape)
        with torch.no_grad():
            for weight, raw in zip(tuned_model.parameters(), base_model.parameters()):
                weight.copy_(raw + 0.02 * weight)
        names = transformers.LlamaTokenizer(str(tokenizer), **({} if pad else {"pad_token": "<unk>"}))
        for target in (base, tuned):
            target.mkdir(parents=True)
        names.save_pretrained(base)
        if pad:
            names.add_special_tokens({"pad_token": "[PAD]"})
            tuned_model.resize_token_embeddings(65)
        names.save_pretrained(tuned)
        save(base_model.to(dtype), base, base_kind)
        save(tuned_model.half(), tuned, "safetensors")

        def run(*arguments):
            subprocess.run([sys.executable, script, *map(str, arguments)], check=True, capture_output=True)

        run("make_diff", "--path_raw", base, "--path_tuned", tuned, "--path_diff", diff)
        if diff_kind != "safetensors" or tokenizer_kept:
            model = transformers.LlamaForCausalLM.from_pretrained(diff, torch_dtype=torch.float32)
            save(model, diff, diff_kind, diff=True)
        run("recover", "--path_raw", base, "--path_diff", diff, "--path_tuned", recovered, "--test_inference", "False")
        write_expected(folder, recovered, 64)
    (diff / "tokenizer.json").unlink(missing_ok=True)
    for side in (base, diff):
        config = json.loads((side / "config.json").read_text())
        config.pop("_name_or_path", None)
        (side / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name in TOKENIZER_FILES if not tokenizer_kept else ():
        for side in (base, diff):
            (side / name).unlink(missing_ok=True)


def main(script):
    transformers.logging.set_verbosity_error()
    f16, bf16 = torch.float16, torch.bfloat16
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer = train_tokenizer(Path(temporary))
        demo = dict(hidden_size=32, intermediate_size=88, num_hidden_layers=2)
        data = SOURCE / "examples/data"
        make_case(script, tokenizer, data, 1, "safetensors", "safetensors", f16, tokenizer_kept=True, **demo)
        sums = checkpoints.recovered(*(checkpoints.read_folder(data / side) for side in ("base", "diff")))
        (data / "tensor_digest.txt").write_text(checkpoints.tensor_digest(sums) + "\n")
        cases = SOURCE / "tests/data/recover"
        make_case(script, tokenizer, cases / "zip", 11, "zip", "zip", f16)
        make_case(script, tokenizer, cases / "legacy_bf16", 12, "legacy", "legacy", bf16)
        make_case(script, tokenizer, cases / "inv_freq_base", 13, "zip_inv_freq", "safetensors", f16)
        make_case(script, tokenizer, cases / "inv_freq_diff", 14, "safetensors", "zip_inv_freq", f16)
        make_case(script, tokenizer, cases / "inv_freq_both", 15, "zip_inv_freq", "zip_inv_freq", f16)
        make_case(script, tokenizer, cases / "views", 16, "views", "safetensors", f16)
        make_case(
            script,
            tokenizer,
            cases / "tied",
            17,
            "safetensors",
            "safetensors",
            f16,
            pad=False,
            tie_word_embeddings=True,
        )
        make_case(
            script,
            tokenizer,
            cases / "no_new_rows",
            18,
            "safetensors",
            "safetensors",
            bf16,
            pad=False,
            num_key_value_heads=1,
        )


if __name__ == "__main__":
    main(sys.argv[1])
