"""Pre-flight: input that recover has to refuse before it writes anything, with an error that names the place."""

import json
import struct

from support import checkpoints
from support.programs import ProgramTest, main, make_diff, recover, snapshot

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"4d7a" * 16 + b"\nsize 9976570304\n"
PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>Repository not found</body></html>\n"
EMBED, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
FIRST, LAST = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


class Refusal(ProgramTest):
    """Starts from a base and a diff that fit; each test spoils one thing."""

    def setUp(self):
        super().setUp()
        self.base, self.diff = checkpoints.llama(1, "F16"), checkpoints.llama(2, "F32", scale=0.01)
        self.raw_dir, self.diff_dir, self.tuned_dir = self.dir / "base", self.dir / "diff", self.dir / "tuned"
        self.write()

    def write(self):
        checkpoints.write_folder(self.raw_dir, self.base, checkpoints.config(self.base, "float16"), 2)
        checkpoints.write_folder(self.diff_dir, self.diff, checkpoints.config(self.diff), 2)

    def assert_all_refuse(self, *parts):
        """Refused with a fresh target and with --dry-run, without a trace in any of the three folders."""
        inputs = snapshot(self.raw_dir), snapshot(self.diff_dir)
        self.assert_refused(recover(self.raw_dir, self.diff_dir, self.tuned_dir), *parts)
        self.assert_refused(recover(self.raw_dir, self.diff_dir, self.tuned_dir, "--dry-run"), *parts)
        self.assertFalse(self.tuned_dir.exists(), "pre-flight has to fail before the output is touched")
        self.assertEqual((snapshot(self.raw_dir), snapshot(self.diff_dir)), inputs)

    def test_the_untouched_pair_is_accepted(self):
        self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir))


class Files(Refusal):
    def test_git_lfs_pointer(self):
        for folder in (self.raw_dir, self.diff_dir):
            with self.subTest(folder.name):
                self.write()
                (folder / LAST).write_bytes(POINTER)
                self.assert_all_refuse(folder / LAST, "git-lfs")

    def test_html_page(self):
        for folder in (self.raw_dir, self.diff_dir):
            with self.subTest(folder.name):
                self.write()
                (folder / FIRST).write_bytes(PAGE)
                self.assert_all_refuse(folder / FIRST, "HTML")

    def test_git_lfs_pointer_and_html_page_in_place_of_a_bin_file(self):
        for content, word in ((POINTER, "git-lfs"), (PAGE, "HTML")):
            with self.subTest(word):
                for path in self.raw_dir.glob("model*"):
                    path.unlink()
                (self.raw_dir / "pytorch_model.bin").write_bytes(content)
                self.assert_all_refuse(self.raw_dir / "pytorch_model.bin", word)

    def test_git_lfs_pointer_and_html_page_in_place_of_a_json_file(self):
        for name in ("config.json", "model.safetensors.index.json"):
            for content, word in ((POINTER, "git-lfs"), (PAGE, "HTML")):
                with self.subTest(name=name, word=word):
                    self.write()
                    (self.diff_dir / name).write_bytes(content)
                    self.assert_all_refuse(self.diff_dir / name, word)

    def test_truncated_shard(self):
        whole = (self.diff_dir / LAST).read_bytes()
        for size in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
            with self.subTest(size=size):
                (self.diff_dir / LAST).write_bytes(whole[:size])
                self.assert_all_refuse(self.diff_dir / LAST)

    def test_bytes_after_the_end_of_a_shard(self):
        with open(self.raw_dir / FIRST, "ab") as file:
            file.write(b"\0")
        self.assert_all_refuse(self.raw_dir / FIRST)

    def test_missing_shard(self):
        (self.raw_dir / LAST).unlink()
        self.assert_all_refuse(LAST)

    def test_index_that_names_a_shard_outside_the_folder(self):
        for name in ("../base/" + LAST, "/etc/passwd", "sub/" + LAST, "..", "", "a\0b", "\n"):
            with self.subTest(name=name):
                index = json.loads((self.raw_dir / "model.safetensors.index.json").read_text())
                index["weight_map"][NORM] = name
                (self.diff_dir / "model.safetensors.index.json").write_text(json.dumps(index))
                self.assert_all_refuse("model.safetensors.index.json")

    def test_index_that_disagrees_with_the_shards(self):
        path = self.raw_dir / "model.safetensors.index.json"
        index = json.loads(path.read_text())
        del index["weight_map"][NORM]
        path.write_text(json.dumps(index))
        self.assert_all_refuse(NORM)

    def test_index_that_is_no_index(self):
        for text in ("", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 1}}', "[" * 100000, '{"weight_map": {'):
            with self.subTest(text=text[:20]):
                (self.raw_dir / "model.safetensors.index.json").write_text(text)
                self.assert_all_refuse(self.raw_dir / "model.safetensors.index.json")

    def test_folder_without_weights(self):
        for path in self.diff_dir.glob("model*"):
            path.unlink()
        self.assert_all_refuse(self.diff_dir)

    def test_diff_without_config(self):
        (self.diff_dir / "config.json").unlink()
        self.assert_all_refuse(self.diff_dir, "config.json")

    def test_config_that_is_no_object(self):
        for text in ("", "[]", "{", "3", "nul"):
            with self.subTest(text=text):
                (self.diff_dir / "config.json").write_text(text)
                self.assert_all_refuse(self.diff_dir / "config.json")

    def test_paths_that_are_not_there(self):
        nowhere = self.dir / "nowhere"
        self.assert_refused(recover(nowhere, self.diff_dir, self.tuned_dir), nowhere)
        self.assert_refused(recover(self.raw_dir, nowhere, self.tuned_dir), nowhere)
        self.assertFalse(self.tuned_dir.exists())

    def test_a_line_break_in_a_path_stays_one_line(self):
        self.assert_refused(recover(self.dir / "no\nwhere", self.diff_dir, self.tuned_dir))


class Tensors(Refusal):
    def test_tensor_only_in_the_base(self):
        del self.diff["model.layers.1.mlp.up_proj.weight"]
        self.write()
        self.assert_all_refuse(self.diff_dir, "model.layers.1.mlp.up_proj.weight")

    def test_tensor_only_in_the_diff(self):
        del self.base[NORM]
        self.write()
        self.assert_all_refuse(self.raw_dir, NORM)

    def test_vocabulary_tensor_on_one_side_only_without_tying(self):
        for side in (self.base, self.diff):
            for name in (EMBED, HEAD):
                with self.subTest(name=name, side="base" if side is self.base else "diff"):
                    removed = side.pop(name)
                    checkpoints.write_folder(self.raw_dir, self.base, shards=2)
                    checkpoints.write_folder(self.diff_dir, self.diff, shards=2)
                    self.assert_all_refuse(name)
                    side[name] = removed

    def test_shape_mismatch(self):
        name = "model.layers.0.mlp.down_proj.weight"
        item = self.diff[name]
        self.diff[name] = checkpoints.Tensor("F32", item.shape[::-1], item.data)
        self.write()
        self.assert_all_refuse(name, "[16, 24]", "[24, 16]")

    def test_base_of_another_size(self):
        sizes = [dict(hidden=32, intermediate=48), dict(layers=1), dict(layers=3)]
        tensors = ["model.", "model.layers.1.", "model.layers.2."]
        for size, name in zip(sizes, tensors, strict=True):
            with self.subTest(**size):
                self.base = checkpoints.llama(1, "F16", **size)
                self.write()
                self.assert_all_refuse(self.raw_dir)
                checkpoints.write_folder(self.raw_dir, self.base, checkpoints.config(self.diff), 2)
                self.assert_all_refuse(name)
                (self.raw_dir / "config.json").unlink()
                self.assert_all_refuse(name)

    def test_base_with_more_rows_than_the_diff(self):
        self.base = checkpoints.llama(1, "F16", rows=33)
        self.write()
        self.assert_all_refuse("33")

    def test_more_rows_in_a_matrix_that_is_no_vocabulary(self):
        name = "model.layers.0.mlp.up_proj.weight"
        self.diff[name] = checkpoints.tensor("F32", (25, 16), [0.0] * 400)
        checkpoints.write_folder(self.diff_dir, self.diff, shards=2)
        self.assert_all_refuse(name)

    def test_integers_on_one_side_and_floats_on_the_other(self):
        self.diff[NORM] = checkpoints.tensor("I32", (16,), range(16))
        self.write()
        self.assert_all_refuse(NORM)

    def test_make_diff_refuses_what_recover_refuses(self):
        self.diff[NORM] = checkpoints.tensor("F32", (17,), [0.0] * 17)
        self.write()
        self.assert_refused(make_diff(self.raw_dir, self.diff_dir, self.tuned_dir), NORM)
        self.assertFalse(self.tuned_dir.exists())


class Headers(Refusal):
    def spoil(self, header, data=b"\0" * 64):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        (self.diff_dir / FIRST).write_bytes(struct.pack("<Q", len(text)) + text + data)
        self.assert_all_refuse(self.diff_dir / FIRST)

    def test_header_longer_than_the_file(self):
        for length in (2**64 - 1, 2**63, 2**40, 100_000_001, 10_000):
            with self.subTest(length=length):
                (self.diff_dir / FIRST).write_bytes(struct.pack("<Q", length) + b'{"a":1}' + b" " * 200)
                self.assert_all_refuse(self.diff_dir / FIRST)

    def test_offsets_and_shapes_that_do_not_fit(self):
        huge = 2**63
        entries = [
            dict(dtype="F32", shape=[16], data_offsets=[0, 128]),
            dict(dtype="F32", shape=[16], data_offsets=[64, 0]),
            dict(dtype="F32", shape=[15], data_offsets=[0, 64]),
            dict(dtype="F32", shape=[huge, 4], data_offsets=[0, 64]),
            dict(dtype="F32", shape=[2**62, 2**62, 16], data_offsets=[0, 64]),
            dict(dtype="F32", shape=[-16], data_offsets=[0, 64]),
            dict(dtype="F32", shape=[16.0], data_offsets=[0, 64]),
            dict(dtype="F32", shape=[16], data_offsets=[-64, 0]),
            dict(dtype="F32", shape=[16], data_offsets=[2**64, 2**64 + 64]),
            dict(dtype="F33", shape=[16], data_offsets=[0, 64]),
            dict(dtype="F32", shape=[16], data_offsets=[0]),
            dict(dtype="F32", shape=[16]),
            dict(dtype=3, shape=[16], data_offsets=[0, 64]),
            "F32",
            None,
        ]
        for entry in entries:
            with self.subTest(entry=entry):
                self.spoil({NORM: entry})

    def test_holes_overlaps_and_duplicate_names(self):
        half = {"dtype": "F32", "shape": [8], "data_offsets": [32, 64]}
        self.spoil({NORM: half})
        self.spoil({NORM: dict(half, data_offsets=[0, 32])})
        self.spoil({NORM: half, HEAD: {"dtype": "F32", "shape": [12], "data_offsets": [0, 48]}})
        entry = b'{"dtype":"F32","shape":[8],"data_offsets":[%d,%d]}'
        self.spoil(b'{"a":' + entry % (0, 32) + b',"a":' + entry % (32, 64) + b"}")

    def test_text_that_is_no_header(self):
        for text in (b"", b"[]", b"null", b"{", b'{"a":{}}', b"{" * 5000, b"[" * 100000, b'{"a":' * 5000, b"\xff" * 64):
            with self.subTest(text=text[:20]):
                self.spoil(text)

    def test_control_characters_in_a_name_do_not_reach_the_terminal(self):
        name = "\x1b[31m\nerror: fake"
        text = json.dumps({name: {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}}).encode()
        (self.diff_dir / FIRST).write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 64)
        result = recover(self.raw_dir, self.diff_dir, self.tuned_dir)
        self.assert_refused(result)
        self.assertNotIn("\x1b", result.stderr)


if __name__ == "__main__":
    main()
