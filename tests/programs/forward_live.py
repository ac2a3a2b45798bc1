"""`logits` against transformers, where it is installed, on models made here.

TULU_PYTHON names interpreters to look for torch and transformers in, separated as in PATH, beside the one that runs
this; every version that is found is asked, and what is too new for it is left out. TULU_ORACLE is a folder made by the
reference generator: forward/CASE. TULU_FORWARD_SEED gives other weights.
"""

import json
import os
import subprocess
import unittest
from pathlib import Path

from support.forward import EXACT, ForwardTest
from support.npy import read_npy
from support.programs import main
from support.tokenizer_files import pythons

SEED = int(os.environ.get("TULU_FORWARD_SEED", "1"))
ORACLE = os.environ.get("TULU_ORACLE", "")
STORIES = Path(os.environ.get("TULU_SHARED_DIR") or "absent") / "data" / "stories260K"
FAR = 1e-3  # of the largest logit, up to position 8192; EXACT is for those up to 1024

BASE = dict(vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=2048, rms_norm_eps=1e-6, bos_token_id=1, eos_token_id=2, attn_implementation="eager")  # fmt: skip
LLAMA3 = dict(type="llama3", rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=512)  # fmt: skip


def case(name, dtype="f32", tokens=1024, greedy=200, **changes):
    return dict(name=name, dtype=dtype, tokens=tokens, greedy=greedy, config={**BASE, **changes})


CASES = [
    case("mha"),
    case("gqa", "bf16", num_attention_heads=8, num_key_value_heads=2, hidden_size=64),
    case("mqa", "f16", num_key_value_heads=1),
    case("tied", tie_word_embeddings=True),
    case("attention_bias", "bf16", attention_bias=True, num_key_value_heads=2),
    case("mlp_bias", attention_bias=True, mlp_bias=True),
    case("theta", num_attention_heads=2, rope_theta=500000.0, hidden_size=256),
    case("theta_million", "f16", num_attention_heads=1, rope_theta=1000000.0, hidden_size=112),
    case("linear", rope_scaling=dict(type="linear", factor=4.0)),
    case("linear_odd", rope_scaling=dict(type="linear", factor=3.0)),
    case("dynamic", rope_scaling=dict(type="dynamic", factor=2.0), max_position_embeddings=256, greedy=0),
    case("dynamic_odd", rope_scaling=dict(type="dynamic", factor=1.7), max_position_embeddings=300, greedy=0),
    case("llama3", "bf16", rope_scaling=LLAMA3, num_attention_heads=2, num_key_value_heads=1, hidden_size=128),
    case("llama3_128", rope_scaling=LLAMA3, num_attention_heads=2, rope_theta=500000.0, hidden_size=256),
    case("head_dim", head_dim=22, hidden_size=50),
    case("head_dim_100", num_attention_heads=2, hidden_size=200),
    case("deep", num_hidden_layers=8),
    case("odd", "bf16", hidden_size=70, num_attention_heads=5, intermediate_size=207, vocab_size=101),
    case("one", hidden_size=2, num_attention_heads=1, intermediate_size=1, num_hidden_layers=1, vocab_size=3),
]
FAR_CASES = [
    case("far", tokens=8192, greedy=0, max_position_embeddings=8192, num_attention_heads=2),
    case("far_theta", "bf16", tokens=8192, greedy=0, max_position_embeddings=8192, num_attention_heads=1, rope_theta=500000.0,
         hidden_size=128, vocab_size=48),
    case("far_linear", tokens=8192, greedy=0, rope_scaling=dict(type="linear", factor=4.0), num_attention_heads=2),
]  # fmt: skip


class Forward(ForwardTest):
    def check_cases(self, cases, tolerance):
        asked = []
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
        for number, python in enumerate(dict.fromkeys(pythons())):
            target = self.dir / f"models{number}"
            oracle = Path(__file__).with_name("support") / "forward_oracle.py"
            made = subprocess.run([python, str(oracle), str(target), str(SEED)], input=json.dumps(cases), text=True,
                                  capture_output=True, env=environment, timeout=1500)  # fmt: skip
            if "ImportError" in made.stderr or "ModuleNotFoundError" in made.stderr:
                continue
            self.assertEqual(made.returncode, 0, made.stderr)
            version, *lines = made.stdout.splitlines()
            print(version, "seed", SEED)
            asked.append(version)
            for line in lines:
                name, _, reason = line.partition(" ")
                if reason:
                    print(f"{name}: left out, {reason}")
                    continue
                with self.subTest(name, version=version):
                    self.check_folder(target / name, tolerance)
        if not asked:
            self.skipTest("no Python with torch and transformers; name one in TULU_PYTHON")

    def test_every_configuration_up_to_position_1024(self):
        self.check_cases(CASES, EXACT)

    def test_positions_up_to_8192(self):
        self.check_cases(FAR_CASES, FAR)

    @unittest.skipUnless(ORACLE, "TULU_ORACLE is not set")
    def test_models_of_the_reference_generator(self):
        folders = sorted(path.parent for path in Path(ORACLE, "forward").glob("*/logits.npy"))
        self.assertTrue(folders, f"no cases in {ORACLE}")
        for folder in folders:
            with self.subTest(folder.name):
                self.check_folder(folder, EXACT)
            for weights in ("f16", "bf16"):
                with self.subTest(folder.name, weights=weights):
                    _, _, ids = read_npy(folder / "ids.npy")
                    _, _, wanted = read_npy(folder / "logits.npy")
                    off, _, _ = self.distance(folder, ids, wanted, "--weights", weights)
                    print(f"{folder.name} {weights}: {off:.1e}")
                    self.assertLessEqual(off, 2e-2)

    @unittest.skipUnless((STORIES / "logits.npy").exists(), "no stories260K in TULU_SHARED_DIR")
    def test_stories(self):
        for arguments in ((), ("--backend", "portable"), ("--backend", "eigen"), ("--threads", "1")):
            with self.subTest(arguments=arguments):
                self.check_folder(STORIES, EXACT, *arguments)


if __name__ == "__main__":
    main()
