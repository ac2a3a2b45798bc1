"""make_diff, and recover as its inverse."""

import json

from support import checkpoints, numbers
from support.programs import MANIFEST, ProgramTest, main, make_diff, recover, snapshot


class RoundTrip(ProgramTest):
    def setUp(self):
        super().setUp()
        self.base = checkpoints.llama(1, "F16")
        change = checkpoints.llama(2, "F32", rows=34, scale=0.01)
        self.tuned = checkpoints.recovered(self.base, change, "F16")
        self.raw_dir = checkpoints.write_folder(
            self.dir / "base", self.base, checkpoints.config(self.base, "float16"), 2
        )
        self.tuned_dir = checkpoints.write_folder(
            self.dir / "tuned", self.tuned, checkpoints.config(self.tuned, "float16"), 3
        )
        (self.tuned_dir / "tokenizer.model").write_bytes(b"the tuned model's")

    def make(self, *arguments):
        self.assert_done(make_diff(self.raw_dir, self.tuned_dir, self.dir / "diff", *arguments))
        return checkpoints.read_folder(self.dir / "diff")

    def test_float32_by_default_and_exact_where_the_base_has_the_rows(self):
        found = self.make()
        self.assertEqual(sorted(found), sorted(self.tuned))
        for name, item in found.items():
            self.assertEqual((item.dtype, item.shape), ("F32", self.tuned[name].shape))
            base = self.base[name].values()
            wanted = numbers.subtract(self.tuned[name].values()[: len(base)], base)
            self.assertEqual(item.data[: 4 * len(base)], numbers.encode("F32", wanted), name)

    def test_new_rows_are_against_the_mean_of_the_bases(self):
        found = self.make()
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            mean = numbers.mean_row(self.base[name].values(), 16)
            for row in (32, 33):
                wanted = numbers.subtract(self.tuned[name].values()[row * 16 : (row + 1) * 16], mean)
                for x, y in zip(found[name].values()[row * 16 : (row + 1) * 16], wanted, strict=True):
                    self.assertAlmostEqual(x, y, delta=1e-7)

    def test_recover_gives_the_tuned_weights_back(self):
        self.make()
        self.assert_done(recover(self.raw_dir, self.dir / "diff", self.dir / "back", "--dtype", "float16"))
        self.assert_same_tensors(checkpoints.read_folder(self.dir / "back"), self.tuned)
        self.assertEqual((self.dir / "back" / "tokenizer.model").read_bytes(), b"the tuned model's")

    def test_recover_in_float32_is_within_its_rounding(self):
        self.make()
        self.assert_done(recover(self.raw_dir, self.dir / "diff", self.dir / "back"))
        found = checkpoints.read_folder(self.dir / "back")
        for name, item in self.tuned.items():
            largest = max(map(abs, item.values()))
            for x, y in zip(found[name].values(), item.values(), strict=True):
                self.assertLessEqual(abs(x - y), 2**-23 * largest, name)

    def test_other_types_and_shards(self):
        whole = self.make()
        for name, dtype in (("float16", "F16"), ("bfloat16", "BF16")):
            target = self.dir / name
            self.assert_done(make_diff(self.raw_dir, self.tuned_dir, target, "--dtype", name, "--max-shard-size", 3000))
            self.assertGreater(len(checkpoints.shard_names(target)), 1)
            self.assertEqual(json.loads((target / "config.json").read_text())["torch_dtype"], name)
            for key, item in checkpoints.read_folder(target).items():
                self.assertEqual(item.data, numbers.encode(dtype, whole[key].values()), key)

    def test_the_diff_is_marked_and_has_a_manifest(self):
        tensors = self.make("--max-shard-size", 6000)
        for name in checkpoints.shard_names(self.dir / "diff"):
            _, metadata = checkpoints.read_file(self.dir / "diff" / name)
            self.assertEqual((metadata.get("tulu_diff"), metadata.get("format")), ("1", "pt"))
        manifest = json.loads((self.dir / "diff" / MANIFEST).read_text())
        self.assertEqual(manifest["tensor_digest"], checkpoints.tensor_digest(tensors))
        self.assertEqual(json.loads((self.dir / "diff" / "config.json").read_text())["torch_dtype"], "float32")
        self.assertEqual((self.dir / "diff" / "tokenizer.model").read_bytes(), b"the tuned model's")

    def test_inv_freq_of_the_tuned_model_does_no_harm(self):
        self.tuned["model.layers.0.self_attn.rotary_emb.inv_freq"] = checkpoints.tensor(
            "F32", (4,), [1.0, 0.1, 0.01, 0.001]
        )
        checkpoints.write_folder(self.tuned_dir, self.tuned, shards=3)
        found = self.make()
        self.assert_done(recover(self.raw_dir, self.dir / "diff", self.dir / "back"))
        for name in checkpoints.read_folder(self.dir / "back"):
            self.assertFalse(name.endswith("inv_freq"), "neither side of it is a derived buffer of the result")
        self.assertNotIn("model.layers.0.self_attn.rotary_emb.inv_freq", found)

    def test_refusals(self):
        nowhere = self.dir / "nowhere"
        before = snapshot(self.dir)
        self.assert_refused(make_diff(nowhere, self.tuned_dir, self.dir / "diff"), nowhere)
        self.assert_refused(make_diff(self.raw_dir, nowhere, self.dir / "diff"), nowhere)
        self.assert_refused(make_diff(self.raw_dir, self.tuned_dir, self.tuned_dir))
        self.assert_refused(make_diff(self.raw_dir, self.tuned_dir, self.raw_dir))
        self.assert_refused(make_diff(self.tuned_dir, self.raw_dir, self.dir / "diff"))
        self.assert_wrong_usage(
            make_diff(self.raw_dir, self.tuned_dir, self.dir / "diff", "--dtype", "int3"), "float32", "float16"
        )
        self.assertEqual(snapshot(self.dir), before)

    def test_running_it_twice_is_one_run(self):
        self.make()
        before = snapshot(self.dir / "diff")
        self.make()
        self.assertEqual(snapshot(self.dir / "diff"), before)


if __name__ == "__main__":
    main()
