"""Running the built programs: unittest with what every test of `recover` and `make_diff` needs.

TULU_BUILD_DIR is the build folder (the programs lie in its examples/), TULU_SOURCE_DIR the source tree. A script
exits with 77 when all of it was skipped, and says why on stderr.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(os.environ.get("TULU_SOURCE_DIR") or Path(__file__).resolve().parents[3])
BUILD = Path(os.environ.get("TULU_BUILD_DIR") or SOURCE / "build")
MANIFEST = "tulu_manifest.json"
COMPLETE = (MANIFEST, "config.json", "model.safetensors.index.json", "model.safetensors")


def program(name):
    return str(BUILD / "examples" / name)


def run(name, *arguments, timeout=300, **options):
    """The finished program; its stdout and stderr as text."""
    command = [program(name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, **options)


def recover_arguments(base, diff, tuned):
    return ["--path_raw", str(base), "--path_diff", str(diff), "--path_tuned", str(tuned)]


def recover(base, diff, tuned, *arguments):
    return run("recover", *recover_arguments(base, diff, tuned), *arguments)


def make_diff(base, tuned, diff, *arguments):
    return run("make_diff", "--path_raw", base, "--path_tuned", tuned, "--path_diff", diff, *arguments)


def start_and_signal(name, *arguments, ready, number=signal.SIGKILL):
    """The exit status of a program that gets a signal as soon as `ready()` (its own status if it was faster)."""
    command = [program(name), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not ready():
        time.sleep(0.001)
    process.send_signal(number)
    return process.wait(timeout=120)


def snapshot(folder):
    """Every file below `folder`: its SHA-256, by its relative path."""
    files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def times(folder):
    """Every file below `folder`: identity and time of the last change, by its relative path."""
    files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def stored_hash(manifest, file):
    """The SHA-256 that a parsed manifest gives for a file, or None."""
    if isinstance(manifest, list):
        return next(filter(None, (stored_hash(item, file) for item in manifest)), None)
    if not isinstance(manifest, dict):
        return None
    if file in (manifest.get("file"), manifest.get("name")) and "sha256" in manifest:
        return manifest["sha256"]
    entry = manifest.get(file)
    if entry is not None:
        return entry["sha256"] if isinstance(entry, dict) else entry
    return next(filter(None, (stored_hash(item, file) for item in manifest.values())), None)


class ProgramTest(unittest.TestCase):
    """A test with a folder of its own, `self.dir`, removed afterwards."""

    maxDiff = None

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tulu-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def assert_done(self, result):
        self.assertEqual(result.returncode, 0, f"stdout: {result.stdout}\nstderr: {result.stderr}")
        return result

    def assert_refused(self, result, *parts):
        """Exit 1 and one line `error: …` that contains all `parts`; warnings may come before it."""
        self.assertEqual(result.returncode, 1, f"stdout: {result.stdout}\nstderr: {result.stderr}")
        lines = result.stderr.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        others = [line for line in lines if not line.startswith(("error: ", "warning: "))]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertEqual(others, [], "something else than warnings and the error is on stderr")
        for part in parts:
            self.assertIn(str(part), errors[0])

    def assert_wrong_usage(self, result, *parts):
        """Exit 2, and all `parts` on stderr."""
        self.assertEqual(result.returncode, 2, f"stdout: {result.stdout}\nstderr: {result.stderr}")
        for part in parts:
            self.assertIn(part, result.stderr)

    def assert_nothing_complete(self, folder):
        """No file that would let a reader take `folder` for a model."""
        left = [name for name in COMPLETE if (Path(folder) / name).exists()]
        self.assertEqual(left, [], "left behind by a run that was refused")

    def assert_same_tensors(self, found, expected):
        """The same names, and bit for bit the same tensors."""
        self.assertEqual(sorted(found), sorted(expected))
        for name, item in expected.items():
            self.assertEqual((found[name].dtype, found[name].shape), (item.dtype, item.shape), name)
            self.assertEqual(found[name].data, item.data, name)


def main():
    """Runs the tests of the calling script and exits: 0, 1, or 77 when every one of them was skipped."""
    if not Path(program("recover")).exists():
        sys.exit(f"{program('recover')} has not been built: set TULU_BUILD_DIR to the build folder")
    outcome = unittest.main(exit=False, verbosity=1).result
    for test, reason in outcome.skipped:
        print(f"SKIPPED: {test}: {reason}", file=sys.stderr)
    if not outcome.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if outcome.testsRun and len(outcome.skipped) == outcome.testsRun else 0)
