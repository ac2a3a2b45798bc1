"""Things that recover does, but not without saying so on stderr."""

import json

from support import checkpoints
from support.programs import ProgramTest, main, make_diff, recover

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def through(dtype, tensors):
    """The same numbers, rounded to `dtype` on the way."""
    return {name: checkpoints.tensor(item.dtype, item.shape, checkpoints.tensor(dtype, item.shape, item.values()).values())
            for name, item in tensors.items()}  # fmt: skip


class Rounded(ProgramTest):
    """A float16 base whose values all fit bfloat16 was converted through bfloat16, and has lost three bits."""

    def setUp(self):
        super().setUp()
        self.diff = checkpoints.llama(2, "F32", scale=0.01)
        self.diff_dir = checkpoints.write_folder(self.dir / "diff", self.diff, checkpoints.config(self.diff))

    def stderr_for(self, base, name):
        folder = checkpoints.write_folder(self.dir / name, base, checkpoints.config(base, "float16"), 2)
        tuned = self.dir / f"tuned-{name}"
        result = self.assert_done(recover(folder, self.diff_dir, tuned, "--quiet"))
        self.assert_same_tensors(checkpoints.read_folder(tuned), checkpoints.recovered(base, self.diff))
        return result.stderr

    def test_a_base_that_went_through_bfloat16(self):
        stderr = self.stderr_for(through("BF16", checkpoints.llama(1, "F16")), "rounded")
        self.assertIn("bfloat16", stderr)
        self.assertEqual([line[:9] for line in stderr.splitlines()], ["warning: "])

    def test_a_float16_base(self):
        self.assertEqual(self.stderr_for(checkpoints.llama(1, "F16"), "exact"), "")

    def test_one_tensor_with_all_its_bits_is_enough(self):
        base = through("BF16", checkpoints.llama(1, "F16"))
        name = "model.layers.1.mlp.down_proj.weight"
        base[name] = checkpoints.llama(1, "F16")[name]
        self.assertEqual(self.stderr_for(base, "mixed"), "")

    def test_zeros_say_nothing(self):
        base = {name: checkpoints.tensor("F16", item.shape, [0.0] * (len(item.data) // 2))
                for name, item in checkpoints.llama(1, "F16").items()}  # fmt: skip
        self.assertEqual(self.stderr_for(base, "zeros"), "")

    def test_a_bfloat16_base(self):
        self.assertEqual(self.stderr_for(checkpoints.llama(1, "BF16"), "bf16"), "")


class Tied(ProgramTest):
    """Tied embeddings: weight_diff.py meets the shared storage under two keys and adds the base twice."""

    def setUp(self):
        super().setUp()
        self.base, self.diff = checkpoints.llama(1, "F16"), checkpoints.llama(2, "F32", scale=0.01)
        for side in (self.base, self.diff):
            del side[HEAD]

    def write(self, name, tensors, metadata=None, drop=(), **more):
        kept = {key: item for key, item in tensors.items() if key not in drop}
        folder = checkpoints.write_folder(self.dir / name, kept, metadata=metadata)
        config = checkpoints.config(tensors, tie_word_embeddings=True, **more)
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    def expected(self, times):
        once = checkpoints.recovered(self.base, self.diff)
        once[EMBED] = checkpoints.recovered({EMBED: self.base[EMBED]}, {EMBED: self.diff[EMBED]}, times=times)[EMBED]
        return once

    def check(self, found, times):
        """The head may be in the output too, when it is the same tensor."""
        head = found.pop(HEAD, found[EMBED])
        self.assertEqual(head, found[EMBED])
        self.assert_same_tensors(found, self.expected(times))

    def test_without_the_marker_the_base_is_added_twice_with_a_warning(self):
        result = recover(self.write("base", self.base), self.write("diff", self.diff), self.dir / "tuned", "--quiet")
        self.assert_done(result)
        self.assertEqual([line[:9] for line in result.stderr.splitlines()], ["warning: "])
        self.assertIn("twice", result.stderr)
        self.check(checkpoints.read_folder(self.dir / "tuned"), times=2)

    def test_with_the_marker_it_is_added_once(self):
        diff = self.write("diff", self.diff, metadata={"format": "pt", "tulu_diff": "1"})
        result = self.assert_done(recover(self.write("base", self.base), diff, self.dir / "tuned", "--quiet"))
        self.assertEqual(result.stderr, "")
        self.check(checkpoints.read_folder(self.dir / "tuned"), times=1)

    def test_the_head_in_place_of_the_embedding(self):
        for side in (self.base, self.diff):
            side[HEAD] = side[EMBED]
        self.assert_done(
            recover(
                self.write("base", self.base, drop=[HEAD]),
                self.write("diff", self.diff, drop=[EMBED]),
                self.dir / "tuned",
            )
        )
        for side in (self.base, self.diff):
            del side[HEAD]
        found = checkpoints.read_folder(self.dir / "tuned")
        found.setdefault(EMBED, found.get(HEAD))
        self.check(found, times=2)

    def test_both_in_both_files(self):
        base, diff = {**self.base, HEAD: self.base[EMBED]}, {**self.diff, HEAD: self.diff[EMBED]}
        self.assert_done(recover(self.write("base", base), self.write("diff", diff), self.dir / "tuned"))
        self.check(checkpoints.read_folder(self.dir / "tuned"), times=2)

    def test_our_own_diff_of_a_tied_model_comes_back_once(self):
        tuned = checkpoints.recovered(self.base, self.diff, "F16")
        base, tuned_dir = self.write("base", self.base), self.write("tuned", tuned)
        self.assert_done(make_diff(base, tuned_dir, self.dir / "made"))
        for name in checkpoints.shard_names(self.dir / "made"):
            _, metadata = checkpoints.read_file(self.dir / "made" / name)
            self.assertEqual(metadata.get("tulu_diff"), "1")
        result = recover(base, self.dir / "made", self.dir / "back", "--dtype", "float16", "--quiet")
        self.assert_done(result)
        self.assertEqual(result.stderr, "")
        found = checkpoints.read_folder(self.dir / "back")
        found.pop(HEAD, None)
        self.assert_same_tensors(found, tuned)


if __name__ == "__main__":
    main()
