"""A run that is killed or stopped goes on where it was, and ends with the bytes of a run that was not."""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from support.programs import (
    COMPLETE,
    SOURCE,
    ProgramTest,
    main,
    recover,
    run,
    snapshot,
    start_and_signal,
    times,
)

sys.path.insert(0, str(SOURCE / "benchmarks"))
from make_model import write_model  # noqa: E402

SHAPE = "100m" if os.environ.get("TULU_LONG_TESTS") else "10m"
SHARD = "8MB"


class Resume(ProgramTest):
    """A pair of 124 million parameters when TULU_LONG_TESTS is set, of 8 million otherwise; it is made once."""

    @classmethod
    def setUpClass(cls):
        folder = Path(tempfile.mkdtemp(prefix="tulu-test-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.raw_dir, cls.diff_dir, cls.fresh_dir = folder / "base", folder / "diff", folder / "fresh"
        write_model(cls.raw_dir, SHAPE, "f16", seed=1, max_shard_size=10**7)
        write_model(cls.diff_dir, SHAPE, "f16", seed=2, extra_rows=1, max_shard_size=10**7)

    def setUp(self):
        super().setUp()
        self.tuned_dir = self.dir / "tuned"
        shutil.rmtree(self.fresh_dir, ignore_errors=True)
        started = time.monotonic()
        self.assert_done(self.recover(tuned=self.fresh_dir))
        self.seconds = time.monotonic() - started

    def arguments(self, tuned=None):
        return ("--path_raw", self.raw_dir, "--path_diff", self.diff_dir, "--path_tuned", tuned or self.tuned_dir,
                "--dtype", "float32", "--max-shard-size", SHARD)  # fmt: skip

    def recover(self, *arguments, tuned=None):
        return run("recover", *self.arguments(tuned), *arguments)

    def stop_when(self, ready, number=signal.SIGKILL):
        return start_and_signal("recover", *self.arguments(), ready=ready, number=number)

    def leave_partial(self, number=signal.SIGKILL):
        """Stops a run that has some of its shards done and some not; its exit status."""
        for shards in (2, 1, 3, 2, 1, 1):
            shutil.rmtree(self.tuned_dir, ignore_errors=True)
            status = self.stop_when(lambda: len(list(self.tuned_dir.glob("model-*"))) >= shards, number)  # noqa: B023
            ended = any((self.tuned_dir / name).exists() for name in COMPLETE)
            if list(self.tuned_dir.glob("model-*")) and not ended:
                return status
        self.fail("the program cannot be stopped half-way")

    def assert_whole(self):
        self.assertEqual(snapshot(self.tuned_dir), snapshot(self.fresh_dir))

    def test_kills_at_random_moments(self):
        moments = random.Random(7)
        for _ in range(12):
            end = time.monotonic() + moments.uniform(0, self.seconds)
            if self.stop_when(lambda: time.monotonic() > end) == 0:  # noqa: B023
                break
        self.assert_done(self.recover())
        self.assert_whole()

    def test_what_a_kill_leaves_is_no_model(self):
        self.leave_partial()
        for name in COMPLETE:
            self.assertFalse((self.tuned_dir / name).exists(), name)
        for path in self.tuned_dir.glob("model-*.safetensors"):
            self.assertEqual(
                path.read_bytes(), (self.fresh_dir / path.name).read_bytes(), "a name without .partial is whole"
            )
        self.assert_refused(run("recover", "--verify", "--path_tuned", self.tuned_dir), self.tuned_dir)

    def test_finished_shards_are_kept(self):
        self.leave_partial()
        before = {name: seen for name, seen in times(self.tuned_dir).items() if name.startswith("model-")}
        self.assert_done(self.recover())
        after = times(self.tuned_dir)
        self.assertTrue(before)
        self.assertEqual({name: after[name] for name in before}, before)
        self.assert_whole()

    def test_another_number_of_threads_may_finish_the_work(self):
        self.leave_partial()
        self.assert_done(self.recover("--threads", 1))
        self.assert_whole()

    def test_other_options_on_partial_output(self):
        self.leave_partial()
        before = snapshot(self.tuned_dir)
        arguments = self.raw_dir, self.diff_dir, self.tuned_dir, "--max-shard-size", SHARD
        self.assert_refused(recover(*arguments, "--dtype", "float16"), "dtype")
        self.assert_refused(recover(*arguments[:3], "--dtype", "float32"), "shard")
        self.assertEqual(snapshot(self.tuned_dir), before)
        self.assert_done(recover(*arguments, "--dtype", "float16", "--force"))
        self.assert_done(recover(*arguments[:2], self.dir / "half", *arguments[3:], "--dtype", "float16"))
        self.assertEqual(snapshot(self.tuned_dir), snapshot(self.dir / "half"))

    def test_other_inputs_on_partial_output(self):
        self.leave_partial()
        before = snapshot(self.tuned_dir)
        other = self.dir / "base"
        write_model(other, SHAPE, "f16", seed=3, max_shard_size=10**7)
        result = recover(other, self.diff_dir, self.tuned_dir, "--dtype", "float32", "--max-shard-size", SHARD)
        self.assert_refused(result, "base")
        self.assertEqual(snapshot(self.tuned_dir), before)

    def test_a_finished_shard_that_was_damaged_since(self):
        """Whether the damage is found at once or by --verify, it is never passed over."""
        self.leave_partial()
        path = sorted(self.tuned_dir.glob("model-*.safetensors"))[0]
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        result = self.recover("--verify")
        if result.returncode == 0:
            self.assert_whole()
        else:
            self.assert_refused(result, path.name)

    def test_ctrl_c(self):
        status = self.leave_partial(signal.SIGINT)
        self.assertEqual(status, 130)
        for name in COMPLETE:
            self.assertFalse((self.tuned_dir / name).exists(), name)
        self.assert_done(self.recover())
        self.assert_whole()

    def test_sigterm_leaves_resumable_output(self):
        self.leave_partial(signal.SIGTERM)
        self.assert_done(self.recover())
        self.assert_whole()


if __name__ == "__main__":
    main()
