"""What recover does with the output folder: whose files it may replace, and what it leaves alone."""

import json
import os
import shutil
import struct

from support import checkpoints
from support.programs import MANIFEST, ProgramTest, main, recover, run, snapshot, times


class TargetTest(ProgramTest):
    """A base and a diff that fit, and nothing at `tuned_dir` yet."""

    def setUp(self):
        super().setUp()
        base, diff = checkpoints.llama(1, "F16"), checkpoints.llama(2, "F32", scale=0.01)
        self.raw_dir = checkpoints.write_folder(self.dir / "base", base, checkpoints.config(base, "float16"), 2)
        self.diff_dir = checkpoints.write_folder(self.dir / "diff", diff, checkpoints.config(diff), 2)
        self.tuned_dir = self.dir / "tuned"

    def recover(self, *arguments, tuned=None):
        return recover(self.raw_dir, self.diff_dir, tuned or self.tuned_dir, *arguments)


class Target(TargetTest):
    def test_output_that_is_an_input(self):
        link, inner = self.dir / "link", self.dir / "base" / ".." / "base"
        for folder in (self.raw_dir, self.diff_dir):
            link.unlink(missing_ok=True)
            link.symlink_to(folder)
            before = snapshot(self.dir)
            for target in (folder, link, folder / ".", inner):
                for options in ((), ("--force",)):
                    with self.subTest(target=target, options=options):
                        self.assert_refused(self.recover(*options, tuned=target))
            self.assertEqual(snapshot(self.dir), before)

    def test_input_that_is_a_link_is_fine(self):
        (self.dir / "link").symlink_to(self.raw_dir)
        self.assert_done(recover(self.dir / "link", self.diff_dir, self.tuned_dir))

    def test_shards_that_are_links_into_a_cache_are_fine(self):
        cache = self.dir / "cache"
        cache.mkdir()
        for number, path in enumerate(sorted(self.raw_dir.iterdir())):
            shutil.move(path, cache / f"blob{number}")
            path.symlink_to(cache / f"blob{number}")
        self.assert_done(self.recover())

    def test_foreign_files_are_never_replaced(self):
        for name in ("notes.txt", "config.json", "model.safetensors", "pytorch_model.bin", ".hidden"):
            for options in ((), ("--force",)):
                with self.subTest(name=name, options=options):
                    shutil.rmtree(self.tuned_dir, ignore_errors=True)
                    self.tuned_dir.mkdir()
                    (self.tuned_dir / name).write_text("precious")
                    self.assert_refused(self.recover(*options), name)
                    self.assertEqual([path.name for path in self.tuned_dir.iterdir()], [name])
                    self.assertEqual((self.tuned_dir / name).read_text(), "precious")

    def test_foreign_folder_in_the_output(self):
        (self.tuned_dir / "sub").mkdir(parents=True)
        self.assert_refused(self.recover("--force"), "sub")

    def test_empty_folder_and_folder_to_be_made_with_its_parents(self):
        self.tuned_dir.mkdir()
        self.assert_done(self.recover())
        self.assert_done(self.recover(tuned=self.dir / "a" / "b" / "tuned"))

    def test_output_that_is_a_file(self):
        self.tuned_dir.write_text("precious")
        self.assert_refused(self.recover("--force"), self.tuned_dir)
        self.assertEqual(self.tuned_dir.read_text(), "precious")

    def test_complete_output_of_the_same_run_is_left_as_it_is(self):
        self.assert_done(self.recover())
        before = times(self.tuned_dir)
        for options in ((), ("--threads", 1), ("--quiet",)):
            with self.subTest(options=options):
                result = self.assert_done(self.recover(*options))
                self.assertIn("complete", result.stdout)
                self.assertEqual(times(self.tuned_dir), before)

    def test_complete_output_of_other_options_or_inputs(self):
        self.assert_done(self.recover())
        before = times(self.tuned_dir)
        self.assert_refused(self.recover("--dtype", "float16"), "dtype")
        self.assert_refused(self.recover("--max-shard-size", 6000), "shard")
        other = checkpoints.llama(3, "F16")
        checkpoints.write_folder(self.raw_dir, other, checkpoints.config(other, "float16"), 2)
        self.assert_refused(self.recover(), "base")
        self.assertEqual(times(self.tuned_dir), before)

    def test_complete_output_that_lost_a_file_is_not_called_complete(self):
        self.assert_done(self.recover("--max-shard-size", 6000))
        whole = snapshot(self.tuned_dir)
        for name in (checkpoints.shard_names(self.tuned_dir)[1], "config.json", "model.safetensors.index.json"):
            for spoil in (lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:-1])):
                with self.subTest(name=name):
                    spoil(self.tuned_dir / name)
                    result = self.recover("--max-shard-size", 6000)
                    self.assert_done(self.recover("--max-shard-size", 6000, "--force"))
                    self.assertEqual(snapshot(self.tuned_dir), whole)
                    self.assert_refused(result, name)

    def test_force_repairs_what_verify_has_found(self):
        self.assert_done(self.recover())
        whole = snapshot(self.tuned_dir)
        path = self.tuned_dir / checkpoints.shard_names(self.tuned_dir)[0]
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        self.assert_refused(self.recover("--verify"), path)
        self.assert_done(self.recover("--force", "--verify"))
        self.assertEqual(snapshot(self.tuned_dir), whole)

    def test_force_replaces_an_output_of_ours(self):
        self.assert_done(self.recover("--max-shard-size", 6000))
        self.assert_done(self.recover("--dtype", "float16", "--force"))
        self.assert_done(self.recover("--dtype", "float16", tuned=self.dir / "fresh"))
        self.assertEqual(snapshot(self.tuned_dir), snapshot(self.dir / "fresh"))

    def test_force_spares_a_foreign_file_among_ours(self):
        self.assert_done(self.recover())
        (self.tuned_dir / "notes.txt").write_text("precious")
        before = times(self.tuned_dir)
        self.assert_refused(self.recover("--dtype", "float16", "--force"), "notes.txt")
        self.assertEqual(times(self.tuned_dir), before)

    def test_folder_that_cannot_be_written(self):
        locked = self.dir / "locked"
        locked.mkdir(mode=0o500)
        if os.access(locked, os.W_OK):
            self.skipTest("this user may write everywhere")
        self.assert_refused(self.recover(tuned=locked / "tuned"), locked)

    def test_not_enough_disk(self):
        """A sparse pair of 10 TB a side is refused, and nothing of the hole is read."""
        for folder, seed in ((self.raw_dir, 1), (self.diff_dir, 2)):
            for path in folder.glob("model*"):
                path.unlink()
            self.write_with_hole(folder / "model.safetensors", checkpoints.llama(seed, "F16"), 10**13)
        self.assert_refused(self.recover(), self.tuned_dir)
        self.assertFalse((self.tuned_dir / MANIFEST).exists())

    def write_with_hole(self, path, tensors, size):
        checkpoints.write_file(path, tensors)
        header, start = checkpoints.read_header(path)
        data = path.read_bytes()[start:]
        header["model.layers.0.hole.weight"] = {
            "dtype": "F16", "shape": [size // 10000, 5000], "data_offsets": [len(data), len(data) + size],
        }  # fmt: skip
        text = json.dumps(header).encode()
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)
            try:
                file.truncate(file.tell() + size)
            except OSError as problem:
                self.skipTest(f"no sparse file of this size here: {problem}")


class Verify(TargetTest):
    def verify(self):
        return run("recover", "--verify", "--path_tuned", self.tuned_dir)

    def test_alone_it_checks_every_file(self):
        self.assert_done(self.recover("--max-shard-size", 6000))
        before = times(self.tuned_dir)
        self.assert_done(self.verify())
        self.assertEqual(times(self.tuned_dir), before)
        for name in (*checkpoints.shard_names(self.tuned_dir), "config.json"):
            path = self.tuned_dir / name
            whole = path.read_bytes()
            for position in (0, len(whole) // 2, len(whole) - 1):
                with self.subTest(name=name, position=position):
                    path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
                    self.assert_refused(self.verify(), path)
            path.write_bytes(whole[:-1])
            self.assert_refused(self.verify(), path)
            path.unlink()
            self.assert_refused(self.verify(), path)
            path.write_bytes(whole)
        self.assert_done(self.verify())

    def test_a_manifest_that_was_changed(self):
        self.assert_done(self.recover())
        path = self.tuned_dir / MANIFEST
        whole = path.read_text()
        for text in ("", "[]", "{}", whole.replace('"tensor_digest": "', '"tensor_digest": "0')):
            with self.subTest(text=text[:10]):
                path.write_text(text)
                self.assert_refused(self.verify(), MANIFEST)

    def test_a_folder_without_a_manifest(self):
        self.assert_refused(run("recover", "--verify", "--path_tuned", self.raw_dir), self.raw_dir)
        self.assert_refused(run("recover", "--verify", "--path_tuned", self.dir / "nowhere"), self.dir / "nowhere")

    def test_with_all_paths_it_verifies_after_writing(self):
        self.assert_done(self.recover("--verify"))
        checkpoints.read_folder(self.tuned_dir)
        path = self.tuned_dir / checkpoints.shard_names(self.tuned_dir)[0]
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        self.assert_refused(self.recover("--verify"), path)


if __name__ == "__main__":
    main()
