#!/usr/bin/env python3
"""`quantize`: the types that tensors get, and, with llama_cpp at hand (TULU_PYTHON names interpreters to look for it in),
the same bytes as llama-quantize and a file that llama.cpp computes with."""

import struct

from support import checkpoints, gguf_reader
from support.gguf_models import BASE, find_llama_cpp, llama_cpp, write_model
from support.npy import read_npy
from support.programs import SOURCE, ProgramTest, main, run

FILE_TYPES = {"q8_0": 7, "q4_0": 2, "q4_k": 15, "q6_k": 18}  # llama.h, enum llama_ftype


def quantize(model, out, dtype, *arguments):
    return run("quantize", "--model", model, "--out", out, "--dtype", dtype, *arguments)


class Quantize(ProgramTest):
    def types(self, file):
        return {name: item.dtype for name, item in gguf_reader.read(file)[1].items()}

    def test_rows_that_do_not_fit_take_the_next_type(self):
        """The rows of BASE have 128 and 352 elements: no multiple of 256."""
        for dtype, other, head in (("q4_k", "Q5_0", "Q8_0"), ("q6_k", "Q8_0", "Q8_0")):
            file = self.dir / f"{dtype}.gguf"
            result = self.assert_done(quantize(BASE, file, dtype, "--quiet"))
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn("30 of 30 matrices", result.stderr)
            types = self.types(file)
            self.assertEqual(types["blk.0.attn_q.weight"], other)
            self.assertEqual(types["output.weight"], head)
            self.assertEqual(types["blk.0.attn_norm.weight"], "F32")
        file = self.dir / "q8_0.gguf"
        self.assertEqual(self.assert_done(quantize(BASE, file, "q8_0", "--quiet")).stderr, "")
        self.assertEqual({kind for name, kind in self.types(file).items() if "norm" not in name}, {"Q8_0"})

    def test_values_are_near_those_of_the_model(self):
        file = self.dir / "m.gguf"
        self.assert_done(quantize(BASE, file, "q8_0"))
        found = gguf_reader.read(file)[1]["token_embd.weight"]
        wanted = checkpoints.read_folder(BASE)["model.embed_tokens.weight"].values()
        values = []
        for at in range(0, len(found.data), 34):
            scale, *numbers = struct.unpack_from("<e32b", found.data, at)
            values += [scale * n for n in numbers]
        self.assertLessEqual(max(abs(x - y) for x, y in zip(values, wanted, strict=True)), max(map(abs, wanted)) / 127)

    def test_a_gguf_file_is_quantised_to_the_same_bytes(self):
        full, direct, through = (self.dir / name for name in ("f32.gguf", "direct.gguf", "through.gguf"))
        self.assert_done(quantize(BASE, full, "f32"))
        self.assert_done(quantize(BASE, direct, "q4_0"))
        self.assert_done(quantize(full, through, "q4_0"))
        (from_folder, tensors), (from_file, same) = gguf_reader.read(direct), gguf_reader.read(through)
        self.assertEqual(tensors, same)
        self.assertEqual(from_folder, from_file)

    def test_refusals(self):
        self.assert_wrong_usage(quantize(BASE, self.dir / "m.gguf", "q4_2"), "q4_k")
        self.assert_wrong_usage(run("quantize", "--model", BASE, "--out", self.dir / "m.gguf"), "--dtype")
        self.assert_refused(quantize(SOURCE / "README.md", self.dir / "m.gguf", "q8_0"), "README.md")
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_llama_cpp(self):
        python = find_llama_cpp()
        if python is None:
            self.skipTest("no Python with llama_cpp; name one in TULU_PYTHON")
        model, full = self.dir / "model", self.dir / "f32.gguf"
        write_model(model)
        self.assert_done(quantize(model, full, "f32"))
        for dtype, number in FILE_TYPES.items():
            with self.subTest(dtype):
                ours, theirs = self.dir / f"ours-{dtype}.gguf", self.dir / f"theirs-{dtype}.gguf"
                self.assertEqual(self.assert_done(quantize(model, ours, dtype, "--quiet")).stderr, "")
                llama_cpp(python, "quantize", full, theirs, number)
                self.assertEqual(gguf_reader.read(ours)[1], gguf_reader.read(theirs)[1])
        for folder, file in ((model, full), (BASE, self.dir / "base.gguf")):
            with self.subTest(folder.name):
                if folder == BASE:
                    self.assert_done(quantize(BASE, file, "f32"))
                self.check_logits(python, folder, file)

    def check_logits(self, python, folder, file):
        ids, out = [1, 5, 77, 400, 12, 9, 300], self.dir / "logits"
        llama_cpp(python, "logits", file, out, *ids)
        theirs = struct.unpack(f"<{len(out.read_bytes()) // 4}f", out.read_bytes())
        (self.dir / "ids").write_text(" ".join(map(str, ids)))
        for model in (folder, file):
            self.assert_done(run("logits", "--model", model, "--ids-file", self.dir / "ids", "--out", self.dir / "o.npy",
                                 "--weights", "f32"))  # fmt: skip
            _, _, ours = read_npy(self.dir / "o.npy")
            off = max(abs(x - y) for x, y in zip(ours, theirs, strict=True))
            self.assertLessEqual(off, 1e-3 * max(map(abs, theirs)), model)


if __name__ == "__main__":
    main()
