"""What recover writes: tensors, shards, config, copied files, manifest."""

import hashlib
import json

from support import checkpoints, numbers
from support.programs import MANIFEST, ProgramTest, main, recover, stored_hash

LARGEST_SHARD = 6000


class Output(ProgramTest):
    def setUp(self):
        super().setUp()
        self.base = checkpoints.llama(1, "F16", rows=32)
        self.diff = checkpoints.llama(2, "F32", rows=33, scale=0.01)
        self.raw_dir = checkpoints.write_folder(
            self.dir / "base", self.base, checkpoints.config(self.base, "float16"), 3
        )
        self.diff_dir = checkpoints.write_folder(self.dir / "diff", self.diff, checkpoints.config(self.diff), 2)
        self.tuned_dir = self.dir / "tuned"

    def recover(self, *arguments):
        self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir, *arguments))
        return checkpoints.read_folder(self.tuned_dir)

    def manifest(self):
        return json.loads((self.tuned_dir / MANIFEST).read_text())

    def assert_close_to(self, found, expected):
        """Bit for bit, but for the rows that only the diff has: those differ by the rounding of the mean at most."""
        self.assertEqual(sorted(found), sorted(expected))
        for name, item in expected.items():
            self.assertEqual((found[name].dtype, found[name].shape), (item.dtype, item.shape), name)
            size = len(item.data) // item.shape[0] * self.base[name].shape[0]
            self.assertEqual(found[name].data[:size], item.data[:size], name)
            step = {"F32": 1e-6, "F16": 2**-10, "BF16": 2**-7}[item.dtype]
            largest = max(map(abs, item.values()))
            for x, y in zip(found[name].values(), item.values(), strict=True):
                self.assertLessEqual(abs(x - y), step * largest, name)

    def test_auto_keeps_the_type_of_the_diff(self):
        self.assert_close_to(self.recover(), checkpoints.recovered(self.base, self.diff))

    def test_every_type_is_the_float32_sum_rounded_once(self):
        for name, dtype in (
            ("float32", "F32"),
            ("float16", "F16"),
            ("bfloat16", "BF16"),
            ("bf16", "BF16"),
            ("f16", "F16"),
        ):
            with self.subTest(name):
                self.tuned_dir = self.dir / name
                self.assert_close_to(self.recover("--dtype", name), checkpoints.recovered(self.base, self.diff, dtype))
                config = json.loads((self.tuned_dir / "config.json").read_text())
                long_names = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
                self.assertEqual(config["torch_dtype"], long_names[dtype])

    def test_bfloat16_on_both_sides(self):
        self.base = checkpoints.llama(3, "BF16")
        self.diff = checkpoints.llama(4, "BF16", scale=0.01)
        checkpoints.write_folder(self.dir / "base_bf16", self.base, checkpoints.config(self.base, "bfloat16"))
        checkpoints.write_folder(self.dir / "diff_bf16", self.diff, checkpoints.config(self.diff, "bfloat16"))
        self.assert_done(recover(self.dir / "base_bf16", self.dir / "diff_bf16", self.tuned_dir))
        self.assert_same_tensors(checkpoints.read_folder(self.tuned_dir), checkpoints.recovered(self.base, self.diff))

    def test_config_is_the_diffs_with_the_type_mended(self):
        stale = checkpoints.config(self.diff, "float16", custom={"kept": [1, 2.5, None]})
        (self.diff_dir / "config.json").write_text(json.dumps(stale))
        self.recover()
        config = json.loads((self.tuned_dir / "config.json").read_text())
        self.assertEqual(config, {**stale, "torch_dtype": "float32"})

    def test_files_of_the_tokenizer_come_from_the_diff_byte_for_byte(self):
        copied = [
            "tokenizer.model", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "added_tokens.json",
            "generation_config.json", "chat_template.jinja", "chat_template.json",
        ]  # fmt: skip
        for name in copied:
            (self.diff_dir / name).write_bytes(b"diff's \x00" + name.encode())
            (self.raw_dir / name).write_bytes(b"base's")
        for name in ("README.md", "training_args.bin", "optimizer.pt"):
            (self.diff_dir / name).write_bytes(b"not for the output")
        self.recover()
        for name in copied:
            self.assertEqual((self.tuned_dir / name).read_bytes(), b"diff's \x00" + name.encode(), name)
        found = {path.name for path in self.tuned_dir.iterdir()}
        self.assertEqual(found, {*copied, "config.json", MANIFEST, *checkpoints.shard_names(self.tuned_dir)}
                         | ({"model.safetensors.index.json"} & found))  # fmt: skip

    def test_shards_stay_below_the_limit_and_hold_the_same_tensors(self):
        whole = self.recover()
        self.tuned_dir = self.dir / "sharded"
        self.assert_same_tensors(self.recover("--max-shard-size", LARGEST_SHARD), whole)
        names = checkpoints.shard_names(self.tuned_dir)
        self.assertGreater(len(names), 2)
        for number, name in enumerate(names, 1):
            self.assertEqual(name, f"model-{number:05}-of-{len(names):05}.safetensors")
            tensors, _ = checkpoints.read_file(self.tuned_dir / name)
            self.assertTrue(checkpoints.total_bytes(tensors) <= LARGEST_SHARD or len(tensors) == 1, name)

    def test_sizes_are_understood_in_powers_of_ten_and_of_two(self):
        self.recover("--max-shard-size", "6KB")
        tens = checkpoints.shard_names(self.tuned_dir)
        self.tuned_dir = self.dir / "binary"
        self.recover("--max-shard-size", "1GiB")
        self.assertGreater(len(tens), len(checkpoints.shard_names(self.tuned_dir)))

    def test_files_say_that_they_are_for_pytorch(self):
        self.recover()
        for name in checkpoints.shard_names(self.tuned_dir):
            _, metadata = checkpoints.read_file(self.tuned_dir / name)
            self.assertEqual(metadata.get("format"), "pt", "transformers refuses a file without it")
            self.assertNotIn("tulu_diff", metadata, "the result is no diff")

    def test_the_manifest_has_the_hash_of_every_shard(self):
        self.recover("--max-shard-size", LARGEST_SHARD)
        for name in checkpoints.shard_names(self.tuned_dir):
            wanted = hashlib.sha256((self.tuned_dir / name).read_bytes()).hexdigest()
            self.assertEqual(stored_hash(self.manifest(), name), wanted, name)

    def test_the_tensor_digest_is_the_documented_one_whatever_the_shards(self):
        digests = []
        for size in ("1GB", LARGEST_SHARD):
            self.tuned_dir = self.dir / f"tuned-{size}"
            tensors = self.recover("--max-shard-size", size)
            digests.append(self.manifest()["tensor_digest"])
            self.assertEqual(digests[-1], checkpoints.tensor_digest(tensors))
        self.assertEqual(digests[0], digests[1])

    def test_two_runs_give_the_same_bytes(self):
        self.recover("--max-shard-size", LARGEST_SHARD, "--threads", 1)
        first = {path.name: path.read_bytes() for path in self.tuned_dir.iterdir()}
        self.tuned_dir = self.dir / "again"
        self.recover("--max-shard-size", LARGEST_SHARD, "--threads", 2)
        self.assertEqual({path.name: path.read_bytes() for path in self.tuned_dir.iterdir()}, first)

    def test_nothing_else_is_left_in_the_output(self):
        self.recover("--max-shard-size", LARGEST_SHARD)
        partial = [path.name for path in self.tuned_dir.iterdir() if path.name.startswith(".")]
        self.assertEqual(partial, [])

    def test_integers_and_booleans_are_carried_through(self):
        name, mask = "model.layers.0.position_ids", "model.layers.0.mask"
        self.base.update(
            {name: checkpoints.tensor("I64", (3,), [0, 0, 0]), mask: checkpoints.tensor("BOOL", (2,), [0, 0])}
        )
        self.diff.update(
            {name: checkpoints.tensor("I64", (3,), [0, -1, 2**40]), mask: checkpoints.tensor("BOOL", (2,), [0, 1])}
        )
        checkpoints.write_folder(self.raw_dir, self.base, shards=3)
        checkpoints.write_folder(self.diff_dir, self.diff, shards=2)
        found = self.recover("--dtype", "float16")
        self.assertEqual(found[name], self.diff[name])
        self.assertEqual(found[mask], self.diff[mask])

    def test_special_values_come_through_the_sum(self):
        values = [0.0, -0.0, 65504.0, -65504.0, 6e-8, float("inf"), float("-inf"), 1.0]
        zeros = [-0.0] * len(values)
        name = "model.norm.weight"
        self.base[name] = checkpoints.tensor("F16", (16,), values * 2)
        self.diff[name] = checkpoints.tensor("F32", (16,), zeros * 2)
        checkpoints.write_folder(self.raw_dir, self.base, shards=3)
        checkpoints.write_folder(self.diff_dir, self.diff, shards=2)
        wanted = numbers.encode("F32", self.base[name].values())
        self.assertEqual(self.recover()[name].data, wanted)


if __name__ == "__main__":
    main()
