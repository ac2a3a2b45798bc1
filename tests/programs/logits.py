"""logits as its users call it, mistakes included, and against the logits that transformers computed for a small model."""

import os
import signal
import struct
import subprocess
import time
import unittest
from pathlib import Path

from support import checkpoints
from support.checkpoints import tensor
from support.npy import read_npy
from support.programs import ProgramTest, main, program, run

STORIES = Path(os.environ.get("TULU_SHARED_DIR") or "absent") / "data" / "stories260K"
ROWS, POSITIONS = 32, 64


class Logits(ProgramTest):
    def setUp(self):
        super().setUp()
        self.tensors = checkpoints.llama(seed=11, dtype="F32", rows=ROWS)
        self.model = self.write(self.tensors)
        self.out = self.dir / "out.npy"

    def write(self, tensors, name="model", **config):
        return checkpoints.write_folder(self.dir / name, tensors, checkpoints.config(self.tensors, **config))

    def ids(self, text, name="ids.txt"):
        path = self.dir / name
        path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
        return path

    def logits(self, *arguments, model=None, ids="1 2 3"):
        return run("logits", "--model", model or self.model, "--ids-file", self.ids(ids), "--out", self.out, *arguments)

    def values(self, *arguments, **options):
        self.assert_done(self.logits(*arguments, **options))
        return read_npy(self.out)

    def assert_nothing_written(self):
        left = [path.name for path in self.dir.iterdir() if "npy" in path.name]
        self.assertEqual(left, [], "left behind by a run that was refused")

    def assert_same_within(self, found, expected, bound):
        largest = max(map(abs, expected))
        self.assertEqual(len(found), len(expected))
        worst = max(abs(x - y) for x, y in zip(found, expected, strict=True))
        self.assertLessEqual(worst, bound * largest)


class CommandLine(Logits):
    def test_a_row_for_every_id_and_nothing_printed(self):
        result = self.assert_done(self.logits())
        self.assertEqual((result.stdout, result.stderr), ("", ""))
        kind, shape, elements = read_npy(self.out)
        self.assertEqual((kind, shape), ("<f4", (3, ROWS)))
        self.assertEqual(len(set(elements)), 3 * ROWS)
        self.assertEqual([path.name for path in self.dir.glob("*npy*")], ["out.npy"])

    def test_ids_are_taken_as_they_are(self):
        whole = self.values(ids="5 9 1\n2\t7\r\n 31 ")[2]
        self.assertEqual(len(whole), 6 * ROWS)
        self.assert_same_within(self.values(ids="5 9 1")[2], whole[: 3 * ROWS], 2e-5)
        self.assertEqual(self.values(ids="5")[1], (1, ROWS))

    def test_more_ids_than_one_pass_takes(self):
        model = self.write(self.tensors, "long", max_position_embeddings=2000)
        ids = [1 + i * 7 % 31 for i in range(1100)]
        whole = self.values(model=model, ids=" ".join(map(str, ids)))
        self.assertEqual(whole[1], (1100, ROWS))
        part = self.values(model=model, ids=" ".join(map(str, ids[:700])))[2]
        self.assert_same_within(part, whole[2][: 700 * ROWS], 2e-5)

    def test_weight_types(self):
        exact = self.values("--weights", "f32")[2]
        self.assertEqual(exact, self.values("--weights", "auto")[2])
        for kind in ("f16", "bf16"):
            rounded = {
                name: item if len(item.shape) == 1 else tensor(kind.upper(), item.shape, item.values())
                for name, item in self.tensors.items()
            }
            found = self.values("--weights", kind)[2]
            self.assertNotEqual(found, exact)
            self.assertEqual(found, self.values(model=self.write(rounded, kind))[2])
            self.assert_same_within(found, exact, 2e-2)

    def test_backends_and_threads(self):
        exact = self.values("--backend", "portable")[2]
        self.assert_same_within(self.values()[2], exact, 2e-5)
        for threads in (1, 2, 3):
            self.assertEqual(self.values("--threads", threads, "--backend", "portable")[2], exact)

    def test_a_weight_file_stands_for_its_folder(self):
        self.assertEqual(self.values(model=self.model / "model.safetensors"), self.values())

    def test_shards_give_the_same(self):
        split = checkpoints.write_folder(self.dir / "split", self.tensors, checkpoints.config(self.tensors), shards=3)
        self.assertEqual(self.values(model=split), self.values())

    def test_an_output_that_is_there_is_replaced(self):
        self.out.write_text("old")
        self.assertEqual(self.values()[1], (3, ROWS))

    def test_ids_from_a_pipe(self):
        expected = self.values(ids="5 9 1")
        given = ["--model", self.model, "--out", self.out, "--ids-file"]
        self.assert_done(run("logits", *given, "/dev/stdin", input="5 9 1"))
        self.assertEqual(read_npy(self.out), expected)
        self.assert_refused(run("logits", *given, "/dev/stdin", input="5 nine"), "/dev/stdin: word 2: expected an id")
        self.assert_refused(run("logits", *given, "/dev/null"), "/dev/null: expected at least one id")
        self.assert_refused(run("logits", *given, self.dir), "regular file")

    def test_ctrl_c(self):
        model = self.write(self.tensors, "long", max_position_embeddings=100_000)
        command = [program("logits"), "--model", model, "--ids-file", self.ids("1 " * 100_000), "--out", self.out]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        partial = self.dir / ".out.npy.partial"
        while process.poll() is None and not partial.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=60), (b"", b"interrupted\n"))
        self.assertEqual(process.returncode, 130)
        self.assert_nothing_written()

    def test_wrong_syntax(self):
        given = ["--model", self.model, "--ids-file", self.ids("1"), "--out", self.out]
        for without in range(0, 6, 2):
            self.assert_wrong_usage(run("logits", *given[:without], *given[without + 2 :]), "error: ")
        self.assert_wrong_usage(self.logits("--weights", "f8"), "error: ", "f8")
        self.assert_wrong_usage(self.logits("--backend", "avx3"), "error: ", "avx3")
        self.assert_wrong_usage(self.logits("stray"), "error: ")
        self.assert_nothing_written()

    def test_a_backend_of_another_processor(self):
        other = "sse4_2" if os.uname().machine == "aarch64" else "neon64"
        self.assert_refused(self.logits("--backend", other), "--backend", "portable", other)
        self.assert_nothing_written()


class BadInput(Logits):
    def refused(self, *parts, arguments=(), **options):
        self.assert_refused(self.logits(*arguments, **options), *parts)
        self.assert_nothing_written()

    def test_ids(self):
        self.refused("ids.txt", "expected at least one id, found none", ids="")
        self.refused("ids.txt", "at least one id", ids=" \n")
        self.refused("ids.txt: word 2: expected an id below 32", "found 32", ids="1 32")
        self.refused("word 2", "4294967295", ids="1 4294967295")
        for text in ("1 x", "-1", "1,2", "4294967296", "1.0"):
            self.refused("ids.txt: word", "expected an id", ids=text)
        self.refused("expected an id", ids=b"1 \xff\x00")
        absent = self.dir / "absent.txt"
        result = run("logits", "--model", self.model, "--ids-file", absent, "--out", self.out)
        self.assert_refused(result, absent)

    def test_more_ids_than_the_context(self):
        at_most = " ".join(["1"] * POSITIONS)
        self.assertEqual(self.values(ids=at_most)[1], (POSITIONS, ROWS))
        self.out.unlink()
        self.refused(f"expected at most {POSITIONS} ids", f"found {POSITIONS + 1}", ids=at_most + " 1")
        for scaling in ({"type": "dynamic", "factor": 2.0}, {"type": "linear", "factor": 2.0}):
            stretched = self.write(self.tensors, "stretched", rope_scaling=scaling)
            self.assertEqual(self.values(model=stretched, ids=at_most + " 1")[1], (POSITIONS + 1, ROWS))

    def test_models_that_are_none(self):
        self.refused("absent", model=self.dir / "absent")
        (self.dir / "empty").mkdir()
        self.refused("config.json", model=self.dir / "empty")
        self.refused("model_type: expected llama, found mistral", model=self.write(self.tensors, "m", model_type="mistral"))
        self.refused("num_attention_heads", model=self.write(self.tensors, "h", num_attention_heads=3))
        self.refused("rope_scaling", "yarn", model=self.write(self.tensors, "y", rope_scaling={"type": "yarn", "factor": 2.0}))

    def test_every_tensor_is_missed(self):
        for name in self.tensors:
            rest = {other: item for other, item in self.tensors.items() if other != name}
            self.refused(f"{name}: expected a tensor of shape", "found no such tensor", model=self.write(rest, "missing"))

    def test_wrong_shapes_and_types(self):
        for name, item in self.tensors.items():
            longer = (item.shape[0] + 1, *item.shape[1:])
            count = longer[0] * (longer[1] if len(longer) == 2 else 1)
            changed = dict(self.tensors, **{name: tensor("F32", longer, [1.0] * count)})
            self.refused(f"{name}: expected shape {list(item.shape)}", f"found shape {list(longer)}", model=self.write(changed, "shape"))
        norm = self.tensors["model.norm.weight"]
        doubles = checkpoints.Tensor("F64", norm.shape, struct.pack(f"<{norm.shape[0]}d", *norm.values()))
        changed = dict(self.tensors, **{"model.norm.weight": doubles})
        self.refused("model.norm.weight: expected F32, F16, BF16 or a block type, found F64", model=self.write(changed, "type"))

    def test_nan_is_a_warning_that_names_the_tensor(self):
        name = "model.layers.1.mlp.gate_proj.weight"
        data = bytearray(self.tensors[name].data)
        data[40:44] = struct.pack("<f", float("nan"))
        damaged = dict(self.tensors, **{name: checkpoints.Tensor("F32", self.tensors[name].shape, bytes(data))})
        for arguments in ((), ("--quiet",), ("--weights", "bf16")):
            result = self.assert_done(self.logits(*arguments, model=self.write(damaged, "nan")))
            self.assertRegex(result.stderr, rf"\Awarning: .*model\.safetensors: {name}: has NaN: 1 of 384 values, the first at index 10\n\Z")
        kind, shape, elements = read_npy(self.out)
        self.assertEqual((kind, shape), ("<f4", (3, ROWS)))
        self.assertTrue(all(value != value for value in elements))

    def test_a_weight_diff(self):
        words = "this is a weight diff: recover it first"
        near_zero = {
            name: tensor("F32", item.shape, [0.001] * item.shape[0]) if len(item.shape) == 1 else item
            for name, item in self.tensors.items()
        }
        self.refused(words, model=self.write(near_zero, "diff"))
        marked = checkpoints.write_folder(self.dir / "marked", self.tensors, checkpoints.config(self.tensors), metadata={"tulu_diff": "1"})
        self.refused(words, "tulu_diff", model=marked)
        self.assertEqual(self.values("--allow-diff", model=marked), self.values())

    def test_outputs_that_cannot_be(self):
        given = ["--model", self.model, "--ids-file", self.ids("1 2"), "--out"]
        self.assert_refused(run("logits", *given, self.dir), self.dir)
        self.assert_refused(run("logits", *given, self.dir / "absent" / "a.npy"), "absent/a.npy: expected a file to write")
        self.assert_nothing_written()

    def test_an_output_that_cannot_be_is_told_before_the_model_is_loaded(self):
        model = self.write({name: item for name, item in self.tensors.items() if name != "lm_head.weight"}, "missing")
        self.out = self.dir / "absent" / "a.npy"
        self.refused("absent/a.npy", model=model)
        self.out = self.dir / "file" / "a.npy"
        self.out.parent.write_text("")
        self.refused("file/a.npy", model=model)


@unittest.skipUnless(STORIES.exists(), f"{STORIES} is not there")
class Stories(Logits):
    """A trained model of 260 thousand weights; ids.npy and logits.npy beside it are transformers' in float32."""

    def test_logits_are_those_of_transformers(self):
        kind, shape, ids = read_npy(STORIES / "ids.npy")
        _, expected_shape, expected = read_npy(STORIES / "logits.npy")
        for arguments, bound in (((), 2e-5), (("--backend", "portable"), 2e-5), (("--weights", "bf16"), 5e-2)):
            _, found_shape, found = self.values(*arguments, model=STORIES, ids=" ".join(map(str, ids)))
            self.assertEqual(found_shape, tuple(expected_shape[-2:]))
            self.assert_same_within(found, expected, bound)


if __name__ == "__main__":
    main()
