"""Options, exit codes and streams that recover and make_diff share."""

import os
import pty
import re
import subprocess

from support import checkpoints
from support.programs import SOURCE, ProgramTest, main, make_diff, program, recover, recover_arguments, run

PROGRAMS = ("recover", "make_diff")


class CommandLine(ProgramTest):
    def setUp(self):
        super().setUp()
        self.base, self.diff = checkpoints.llama(1, "F16"), checkpoints.llama(2, "F32", rows=33, scale=0.01)
        self.raw_dir = checkpoints.write_folder(self.dir / "base", self.base, checkpoints.config(self.base, "float16"))
        self.diff_dir = checkpoints.write_folder(self.dir / "diff", self.diff, checkpoints.config(self.diff))
        self.tuned_dir = self.dir / "tuned"

    def test_help_goes_to_stdout(self):
        for name in PROGRAMS:
            result = self.assert_done(run(name, "--help"))
            self.assertEqual(result.stderr, "")
            for option in ("raw", "diff", "tuned", "dtype", "threads", "quiet", "version", "max-shard-size"):
                self.assertIn(option, result.stdout, name)

    def test_version_is_the_headers(self):
        text = (SOURCE / "include" / "tulu" / "version.hpp").read_text()
        parts = [re.search(rf"TULU_VERSION_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR", "PATCH")]
        for name in PROGRAMS:
            self.assertIn(".".join(parts), self.assert_done(run(name, "--version")).stdout)

    def test_wrong_syntax(self):
        for name in PROGRAMS:
            for arguments in (
                (),
                ("--nonsense",),
                ("--path_raw",),
                ("stray",),
                ("--threads", "many"),
                ("--path_raw", self.raw_dir),
            ):
                with self.subTest(program=name, arguments=arguments):
                    self.assertEqual(run(name, *arguments).returncode, 2)

    def test_wrong_values(self):
        wrong = [("--threads", "-1"), ("--threads", "x"), ("--max-shard-size", "5XB"), ("--max-shard-size", "-5"),
                 ("--max-shard-size", "99999999999999999999"), ("--max-shard-size", "20000000TB"), ("--max-shard-size", "")]  # fmt: skip
        for arguments in wrong:
            with self.subTest(arguments=arguments):
                target = self.dir / f"tuned{len(list(self.dir.iterdir()))}"
                self.assert_wrong_usage(recover(self.raw_dir, self.diff_dir, target, *arguments))
                self.assertFalse(target.exists())

    def test_unknown_names_are_answered_with_the_list(self):
        arguments = self.raw_dir, self.diff_dir, self.tuned_dir
        self.assert_wrong_usage(recover(*arguments, "--scheme", "vicuna"), "auto", "tulu", "alpaca")
        self.assert_wrong_usage(recover(*arguments, "--dtype", "float12"), "auto", "float32", "float16", "bfloat16")
        self.assert_wrong_usage(recover(*arguments, "--format", "zip"), "safetensors")
        self.assertFalse(self.tuned_dir.exists())

    def test_known_schemes(self):
        for scheme in ("auto", "tulu", "alpaca"):
            self.assert_done(recover(self.raw_dir, self.diff_dir, self.dir / scheme, "--scheme", scheme))

    def test_dash_and_underscore_are_the_same(self):
        self.assert_done(run("recover", "--path-raw", self.raw_dir, "--path-diff", self.diff_dir, "--path-tuned", self.tuned_dir,
                             "--max_shard_size", "1MB"))  # fmt: skip
        self.assert_done(
            run(
                "make_diff",
                f"--path-raw={self.raw_dir}",
                f"--path_tuned={self.raw_dir}",
                "--path-diff",
                self.dir / "zero",
            )
        )
        checkpoints.read_folder(self.tuned_dir)
        checkpoints.read_folder(self.dir / "zero")

    def test_relative_paths_and_a_slash_at_the_end(self):
        self.assert_done(
            run("recover", "--path_raw", "base/", "--path_diff", "./diff", "--path_tuned", "tuned/", cwd=self.dir)
        )
        checkpoints.read_folder(self.tuned_dir)

    def test_quiet_is_quiet_when_all_is_well(self):
        self.assertEqual(self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir, "--quiet")).stderr, "")
        self.assertEqual(
            self.assert_done(make_diff(self.raw_dir, self.diff_dir, self.dir / "made", "--quiet")).stderr, ""
        )

    def test_quiet_does_not_hide_the_error(self):
        self.assert_refused(recover(self.dir / "nowhere", self.diff_dir, self.tuned_dir, "--quiet"), "nowhere")

    def test_no_progress_bar_without_a_terminal(self):
        result = self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir))
        for stream in (result.stdout, result.stderr):
            self.assertNotIn("\r", stream)
            self.assertNotIn("\x1b", stream)

    def test_a_terminal_gets_a_progress_bar(self):
        ours, theirs = pty.openpty()
        command = [program("recover"), *recover_arguments(self.raw_dir, self.diff_dir, self.tuned_dir)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:
            pass
        os.close(ours)
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertIn(b"100", shown)

    def test_dry_run_prints_the_plan_and_writes_nothing(self):
        result = self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir, "--dry-run", "--dtype", "bf16"))
        self.assertFalse(self.tuned_dir.exists())
        self.assertEqual(sorted(path.name for path in self.dir.iterdir()), ["base", "diff"])
        self.assertEqual(result.stderr, "")
        shown = result.stdout.lower()
        self.assertIn(str(len(self.diff)), shown)
        self.assertRegex(shown, "bf16|bfloat16")
        for word in ("tensors", "memory", "disk"):
            self.assertIn(word, shown)

    def test_dry_run_over_a_complete_output(self):
        self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir))
        self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir, "--dry-run"))
        self.assert_refused(
            recover(self.raw_dir, self.diff_dir, self.tuned_dir, "--dry-run", "--dtype", "bf16"), "dtype"
        )

    def test_the_result_names_the_digest(self):
        result = self.assert_done(recover(self.raw_dir, self.diff_dir, self.tuned_dir))
        self.assertIn(checkpoints.tensor_digest(checkpoints.read_folder(self.tuned_dir)), result.stdout)

    def test_closed_stdout_is_no_crash(self):
        command = [program("recover"), *recover_arguments(self.raw_dir, self.diff_dir, self.tuned_dir)]
        read, write = os.pipe()
        os.close(read)
        status = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=60).returncode
        os.close(write)
        self.assertIn(status, (0, 1, -13))


if __name__ == "__main__":
    main()
