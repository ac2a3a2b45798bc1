#!/usr/bin/env python3
"""A checkpoint in Meta's layout gives the logits of the same model in Hugging Face's, bit for bit."""

import json
import shutil

from support.programs import SOURCE, ProgramTest, main, run

DATA = SOURCE / "tests" / "data" / "meta"
CONFIG = {
    "model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
}


class Meta(ProgramTest):
    def setUp(self):
        super().setUp()
        (self.dir / "ids").write_text("1 7 39 0 12 12 5 31 2 8")

    def logits(self, model):
        out = self.dir / "out.npy"
        self.assert_done(run("logits", "--model", model, "--ids-file", self.dir / "ids", "--out", out))
        return out.read_bytes()

    def hugging_face(self, weights, **more):
        folder = self.dir / "hf"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copy(DATA / weights, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(CONFIG | more))
        return folder

    def test_the_logits_are_those_of_the_converted_model(self):
        whole = self.logits(self.hugging_face("whole.safetensors"))
        parts = self.logits(self.hugging_face("parts.safetensors", num_key_value_heads=2))
        rows = self.logits(self.hugging_face("parts.safetensors", num_key_value_heads=2, rope_theta=500000.0))
        self.assertEqual(len({whole, parts, rows}), 3)
        self.assertEqual(self.logits(DATA / "whole"), whole)
        self.assertEqual(self.logits(DATA / "parts"), parts)
        self.assertEqual(self.logits(DATA / "rows"), rows)

    def test_parts_that_are_missing_are_named(self):
        folder = self.dir / "meta"
        shutil.copytree(DATA / "parts", folder)
        (folder / "consolidated.01.pth").rename(folder / "consolidated.03.pth")
        result = run("logits", "--model", folder, "--ids-file", self.dir / "ids", "--out", self.dir / "out.npy")
        self.assert_refused(result, "consolidated.01.pth")


if __name__ == "__main__":
    main()
