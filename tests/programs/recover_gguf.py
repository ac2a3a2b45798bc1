#!/usr/bin/env python3
"""`recover --format gguf`: the same file as recovering in float32 first and converting then."""

from support import gguf_reader
from support.programs import SOURCE, ProgramTest, main, recover, run, snapshot

MINI = SOURCE / "examples" / "mini-tulu"
BASE, DIFF = MINI / "base", MINI / "diff"  # the diff has one row of the vocabulary more


def recover_gguf(target, *arguments, diff=DIFF):
    return recover(BASE, diff, target, "--format", "gguf", "--quiet", *arguments)


class RecoverGguf(ProgramTest):
    def test_one_pass_is_two(self):
        folder = self.dir / "tuned"
        self.assert_done(recover(BASE, DIFF, folder, "--dtype", "f32"))
        for dtype in ("f32", "q8_0", "q4_0", "q4_k"):
            one, two = self.dir / f"one-{dtype}.gguf", self.dir / f"two-{dtype}.gguf"
            result = self.assert_done(recover_gguf(one, "--dtype", dtype, "--verify"))
            self.assertIn("verified", result.stdout)
            self.assert_done(run("convert", "--from", folder, "--to", two, "--dtype", dtype))
            (metadata, tensors), (others, same) = gguf_reader.read(one), gguf_reader.read(two)
            self.assertEqual(tensors, same, dtype)
            self.assertEqual(tensors["token_embd.weight"].shape[0], 769)
            for key in others:
                if key != "general.name":
                    self.assertEqual(metadata[key], others[key], key)

    def test_the_type_of_the_diff(self):
        folder, file, converted = self.dir / "tuned", self.dir / "one.gguf", self.dir / "two.gguf"
        self.assert_done(recover(BASE, DIFF, folder))
        self.assert_done(recover_gguf(file))
        self.assert_done(run("convert", "--from", folder, "--to", converted))
        self.assertEqual(gguf_reader.read(file)[1], gguf_reader.read(converted)[1])
        self.assertIn("complete already", self.assert_done(recover_gguf(file)).stdout)
        self.assert_refused(recover_gguf(file, "--dtype", "q8_0"), "--force")
        self.assert_done(recover_gguf(file, "--dtype", "q8_0", "--force"))
        self.assert_done(run("recover", "--verify", "--path_tuned", file))
        with open(file, "r+b") as damaged:
            damaged.seek(-5, 2)
            damaged.write(b"!")
        self.assert_refused(run("recover", "--verify", "--path_tuned", file, "--quiet"), file, "SHA-256")

    def test_refusals(self):
        target = self.dir / "m.gguf"
        self.assert_refused(recover_gguf(target, diff=self.dir), self.dir)
        self.assert_refused(recover(DIFF, BASE, target, "--format", "gguf"))
        self.assert_wrong_usage(recover(BASE, DIFF, self.dir / "tuned", "--dtype", "q8_0"), "--format gguf")
        self.assert_wrong_usage(recover_gguf(target, "--dry-run"), "--dry-run")
        target.write_text("mine")
        before = snapshot(self.dir)
        self.assert_refused(recover_gguf(target, "--force"), "foreign")
        self.assertEqual(snapshot(self.dir), before)


if __name__ == "__main__":
    main()
