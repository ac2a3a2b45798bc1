"""A real model: stories260K as base (TULU_SHARED_DIR/data), a diff made from a perturbed copy, and back."""

import json
import os
import random
import shutil
import unittest
from pathlib import Path

from support import checkpoints, numbers
from support.programs import MANIFEST, SOURCE, ProgramTest, main, make_diff, recover

STORIES = Path(os.environ.get("TULU_SHARED_DIR") or SOURCE.parent / "shared") / "data" / "stories260K"


@unittest.skipUnless((STORIES / "model.safetensors").exists(), f"{STORIES} is not there")
class Stories(ProgramTest):
    """dim 64, 5 layers, 4 key-value heads, tied embeddings, float32."""

    def setUp(self):
        super().setUp()
        self.base, _ = checkpoints.read_file(STORIES / "model.safetensors")
        noise = random.Random(5)
        self.tuned = {}
        for name, item in self.base.items():
            values = numbers.f32(x * (1 + 0.01 * noise.gauss(0, 1)) for x in item.values())
            self.tuned[name] = checkpoints.tensor("F32", item.shape, values)
        config = json.loads((STORIES / "config.json").read_text())
        self.tuned_dir = checkpoints.write_folder(self.dir / "tuned", self.tuned, config)
        shutil.copy(STORIES / "generation_config.json", self.tuned_dir)

    def test_diff_and_back(self):
        self.assert_done(make_diff(STORIES, self.tuned_dir, self.dir / "diff"))
        self.assert_done(
            recover(STORIES, self.dir / "diff", self.dir / "back", "--max-shard-size", "300KB", "--verify")
        )
        found = checkpoints.read_folder(self.dir / "back")
        names = {name for name in found if name != "lm_head.weight"}
        self.assertEqual(names, self.tuned.keys() - {"lm_head.weight"})
        for name in names:
            diff = numbers.subtract(self.tuned[name].values(), self.base[name].values())
            self.assertEqual(found[name].data, numbers.encode("F32", numbers.add(diff, self.base[name].values())), name)
            for x, y in zip(found[name].values(), self.tuned[name].values(), strict=True):
                self.assertLessEqual(abs(x - y), 2**-22 * max(abs(x), abs(y)), name)
        manifest = json.loads((self.dir / "back" / MANIFEST).read_text())
        self.assertEqual(manifest["tensor_digest"], checkpoints.tensor_digest(found))
        self.assertEqual(
            (self.dir / "back" / "generation_config.json").read_bytes(),
            (STORIES / "generation_config.json").read_bytes(),
        )


if __name__ == "__main__":
    main()
