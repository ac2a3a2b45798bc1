"""A real model end to end: SmolLM2-135M-Instruct.Q4_1.gguf, which examples/smollm2.sh fetches, against transformers on its
dequantised weights and against llama.cpp, whose answers are in tests/data/smollm2.

TULU_SMOLLM2 names the file where it is not in the build folder.
"""

import hashlib
import json
import os
import unittest
from pathlib import Path

from support.npy import read_npy
from support.programs import BUILD, SOURCE, ProgramTest, main, run

FILE = Path(os.environ.get("TULU_SMOLLM2") or BUILD / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf")
DATA = SOURCE / "tests" / "data" / "smollm2"


@unittest.skipUnless(FILE.is_file(), f"{FILE} is not there: run examples/smollm2.sh")
class SmolLM2(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.answers = json.loads((DATA / "answers.json").read_text())

    def test_file_is_the_one_that_was_asked(self):
        self.assertEqual(hashlib.sha256(FILE.read_bytes()).hexdigest(), self.answers["sha256"])

    def test_greedy_replies_are_those_of_transformers(self):
        for reply in self.answers["replies"]:
            result = run("chat", "--model", FILE, "--prompt", reply["prompt"], "--temperature", "0",
                         "--max-new-tokens", "100", "--weights", "f32", "--quiet")  # fmt: skip
            self.assert_done(result)
            self.assertEqual(result.stdout.rstrip("\n"), reply["text"].rstrip("\n"), reply["prompt"])

    def test_argmax_along_the_replies_of_llama_cpp(self):
        same = total = 0
        for reply in self.answers["replies"]:
            prompt, wanted = reply["ids"], reply["llama"]
            ids, out = self.dir / "ids.txt", self.dir / "out.npy"
            ids.write_text(" ".join(map(str, prompt + wanted[:-1])))
            self.assert_done(run("logits", "--model", FILE, "--ids-file", ids, "--out", out, "--quiet"))
            _, (rows, width), found = read_npy(out)
            for i, (token, margin) in enumerate(zip(wanted, reply["llama_margins"])):
                first = (rows - len(wanted) + i) * width
                row = found[first : first + width]
                best = max(range(width), key=row.__getitem__)
                total += 1
                same += best == token
                if margin > 0.5:
                    self.assertEqual(best, token, f"{reply['prompt']}: token {i}, margin {margin}")
        print(f"same argmax at {same} of {total} positions")
        self.assertGreaterEqual(same, 0.97 * total)

    def perplexity(self, *arguments):
        text = self.dir / "text.txt"
        text.write_bytes((DATA / "text.txt").read_bytes() + (SOURCE / "LICENSE").read_bytes())
        result = self.assert_done(run("perplexity", "--model", FILE, "--file", text, "--quiet", *arguments))
        print(" ".join(arguments), result.stdout.splitlines()[-1])
        word, value, _, tokens = result.stdout.splitlines()[-1].split()
        self.assertEqual(word, "perplexity")
        return float(value), int(tokens)

    def test_perplexity(self):
        value, tokens = self.perplexity()
        for judge in ("transformers_perplexity", "llama_perplexity"):
            self.assertEqual(tokens, self.answers[judge]["tokens"])
            self.assertLess(abs(value / self.answers[judge]["value"] - 1), 0.005, judge)

    def test_perplexity_of_weights_quantised_at_load(self):
        """q8_0 against float32, the others against transformers on what llama-quantize made of the file."""
        exact, _ = self.perplexity("--weights", "f32")
        self.assertLess(abs(self.perplexity("--weights", "q8_0")[0] / exact - 1), 0.001)
        for name in ("q4_0", "q4_k", "q6_k"):
            value, _ = self.perplexity("--weights", name)
            self.assertLess(value, 1.005 * self.answers["quantised_perplexity"][name], name)


if __name__ == "__main__":
    main()
