"""recover against weight_diff.py on models written by torch and transformers, in every kind of file.

TULU_ORACLE is a folder made by the reference generator: recover/CASE/{raw,diff,expected}. Where transformers can be
imported, the outputs are loaded by it as well.
"""

import json
import os
import unittest
from pathlib import Path

from support import checkpoints, numbers
from support.programs import ProgramTest, main, recover, run

ORACLE = os.environ.get("TULU_ORACLE", "")
try:
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
except ImportError:
    transformers = None


@unittest.skipUnless(ORACLE, "TULU_ORACLE is not set")
class Oracle(ProgramTest):
    def cases(self):
        folders = sorted(path.parent for path in Path(ORACLE, "recover").glob("*/expected"))
        self.assertTrue(folders, f"no cases in {ORACLE}")
        return folders

    def base_rows(self, folder):
        """Vocabulary rows of the base, as its config.json says."""
        return json.loads((folder / "raw" / "config.json").read_text())["vocab_size"]

    def compare(self, name, item, wanted, rows):
        self.assertEqual((item.dtype, item.shape), (wanted.dtype, wanted.shape), name)
        size = len(item.data)
        if name in ("model.embed_tokens.weight", "lm_head.weight"):
            size = min(rows, item.shape[0]) * item.shape[1] * 4
        self.assertEqual(item.data[:size], wanted.data[:size], name)
        width = item.shape[-1]
        new, expected = numbers.decode("F32", item.data[size:]), numbers.decode("F32", wanted.data[size:])
        for first in range(0, len(new), width):
            row = expected[first : first + width]
            for x, y in zip(new[first : first + width], row, strict=True):
                self.assertLessEqual(abs(x - y), 1e-6 * max(map(abs, row)), name)

    def test_every_case(self):
        for folder in self.cases():
            for size in ("5GB", "100KB"):
                with self.subTest(folder.name, max_shard_size=size):
                    tuned = self.dir / f"{folder.name}-{size}"
                    self.assert_done(recover(folder / "raw", folder / "diff", tuned, "--max-shard-size", size))
                    found, expected = checkpoints.read_folder(tuned), checkpoints.read_folder(folder / "expected")
                    extra = {
                        name
                        for name in found.keys() - expected.keys()
                        if name not in ("lm_head.weight", "model.embed_tokens.weight")
                    }
                    self.assertEqual((extra, expected.keys() - found.keys()), (set(), set()))
                    for name, wanted in expected.items():
                        self.compare(name, found[name], wanted, self.base_rows(folder))
                    self.assert_done(run("recover", "--verify", "--path_tuned", tuned))

    @unittest.skipUnless(transformers, "transformers cannot be imported")
    def test_transformers_loads_every_output(self):
        for folder in self.cases():
            for dtype in ("float32", "float16", "bfloat16"):
                with self.subTest(folder.name, dtype=dtype):
                    tuned = self.dir / f"{folder.name}-{dtype}"
                    self.assert_done(
                        recover(folder / "raw", folder / "diff", tuned, "--dtype", dtype, "--max-shard-size", "150KB")
                    )
                    self.load(tuned, folder / "expected", getattr(torch, dtype))

    def load(self, tuned, expected, dtype):
        model, report = transformers.AutoModelForCausalLM.from_pretrained(
            tuned, torch_dtype="auto", output_loading_info=True
        )
        self.assertEqual([report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")], [[], [], []])
        self.assertEqual(model.dtype, dtype)
        reference = transformers.AutoModelForCausalLM.from_pretrained(expected, torch_dtype=torch.float32)
        for (name, x), (_, y) in zip(model.state_dict().items(), reference.state_dict().items(), strict=True):
            difference = (x.float() - y.to(dtype).float()).abs().max()
            self.assertLessEqual(
                float(difference), 2e-6 if dtype == torch.float32 else float(y.abs().max()) * 2**-7, name
            )
        transformers.LlamaTokenizer.from_pretrained(tuned)


if __name__ == "__main__":
    main()
