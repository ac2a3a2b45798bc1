#!/usr/bin/env python3
"""`inspect`: what it says of models, diffs and files of each format."""

import hashlib

from support.programs import SOURCE, ProgramTest, main, run

MINI = SOURCE / "examples" / "mini-tulu"


class Inspect(ProgramTest):
    def inspect(self, path, *arguments):
        return self.assert_done(run("inspect", path, *arguments)).stdout.splitlines()

    def test_a_model(self):
        lines = self.inspect(MINI / "base")
        weights = MINI / "base" / "model.safetensors"
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        self.assertIn("format: safetensors", lines)
        self.assertIn("diff: no", lines)
        self.assertIn(f"file: model.safetensors {weights.stat().st_size} bytes sha256 {digest}", lines)
        self.assertIn("model.embed_tokens.weight F16 [768, 128]", lines)
        self.assertTrue(any(line.startswith("config: llama, vocab_size 768, hidden_size 128,") for line in lines))
        self.assertTrue(any(line.startswith("dtype: F16 39 tensors, ") for line in lines))
        self.assertFalse(any(line.startswith("base:") for line in lines))
        self.assertFalse(any("sha256" in line for line in self.inspect(MINI / "base", "--no-sha256")))

    def test_a_diff_says_which_base_it_wants(self):
        lines = self.inspect(MINI / "diff")
        self.assertTrue(any(line.startswith("diff: yes: ") for line in lines))
        (base,) = (line for line in lines if line.startswith("base: "))
        for part in ("hidden_size 128", "4 layers", "769 vocabulary entries"):
            self.assertIn(part, base)

    def test_other_formats(self):
        self.assertIn("format: Meta's layout", self.inspect(SOURCE / "tests" / "data" / "meta" / "parts"))
        file = self.dir / "m.gguf"
        self.assert_done(run("quantize", "--model", MINI / "base", "--out", file, "--dtype", "q4_k"))
        lines = self.inspect(file)
        self.assertIn("format: GGUF", lines)
        self.assertTrue(any(line.startswith("dtype: Q5_0 ") for line in lines))
        lines = self.inspect(SOURCE / "tests" / "data" / "pytorch" / "zip_dtypes.pt")
        self.assertIn("format: PyTorch", lines)
        self.assertTrue(any(line.startswith("config: none: ") for line in lines))

    def test_refusals(self):
        self.assert_refused(run("inspect", self.dir / "nowhere"), "nowhere")
        self.assert_refused(run("inspect", SOURCE / "README.md"), "README.md")
        self.assert_wrong_usage(run("inspect"), "model")


if __name__ == "__main__":
    main()
