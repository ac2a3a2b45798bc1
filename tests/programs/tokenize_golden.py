"""tokenize against the committed answers of the original tokenizers (tests/data/tokenizer/make_goldens.py).

A process for each answer takes its time, so of long files the first answers and then every fourth are asked for; all of
them with TULU_TOKENIZER_ALL=1.
"""

import json
import os
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.programs import ProgramTest, main, program
from support.tokenizer_files import DATA, MODEL, make_fast, make_folder, tokenize

FILES = sorted(DATA.glob("*.json")) + sorted((DATA / "models").glob("*.json"))
THREADS = 2
ALL = bool(os.environ.get("TULU_TOKENIZER_ALL"))


def chosen(items):
    return items if ALL else items[:40] + items[40::4]


class Golden(ProgramTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="tulu-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.scratch = Path(folder.name)

    def model_of(self, path, golden):
        """Where the program finds the model of a file of answers; ends the subtest when it is not there."""
        if path.parent.name == "models":
            return path.parent / golden["model"]
        if not MODEL.exists():
            self.skipTest(f"{MODEL} is not there")
        if golden["mode"] == "spm":
            return MODEL
        return (make_fast if golden["mode"] == "hf-fast" else make_folder)(self.scratch, golden["model"])

    def failures(self, model, mode, items, source, target, *arguments):
        """One line for each item that gives something else; all programs are run."""

        def check(item):
            result = tokenize(model, source(item), "--mode", mode, "--threads", "1", *arguments)
            wanted = target(item)
            if result.returncode != 0:
                return f"{source(item)!r}: exit {result.returncode}, {result.stderr.decode(errors='replace')}"
            return None if result.stdout == wanted else f"{source(item)!r}:\n  found  {result.stdout!r}\n  wanted {wanted!r}"

        with ThreadPoolExecutor(THREADS) as pool:
            return [line for line in pool.map(check, items) if line]

    def compare(self, path, part):
        golden = json.loads(path.read_text())
        model = self.model_of(path, golden)

        def text_of(item):
            return bytes.fromhex(item["text"])

        def ids_of(item):
            return " ".join(map(str, item["ids"])).encode()

        items = chosen(golden[part])
        self.assertTrue(items, f"no {part} in {path}")
        if part == "cases":
            found = self.failures(model, golden["mode"], items, text_of, lambda item: ids_of(item) + b"\n")
        else:
            found = self.failures(model, golden["mode"], items, ids_of, text_of, "--decode")
        shown = "\n".join(found[:5])
        self.assertEqual(len(found), 0, f"of {len(items)} ({golden['origin']}), the first ones:\n{shown}")

    def test_there_are_goldens(self):
        names = {path.stem for path in FILES}
        self.assertLessEqual({"spm", "hf_legacy", "hf", "hf_fast", "bpe_bytes", "unigram_bytes"}, names)

    def test_bos_is_put_first(self):
        model = DATA / "models" / "bpe_bytes.model"
        for text in (b"", b"Hello", b"\xff"):
            plain, with_bos = (self.assert_done(tokenize(model, text, *more)).stdout.split() for more in ((), ("--bos",)))
            self.assertEqual(with_bos, [b"1", *plain])

    def test_an_id_out_of_range_is_named(self):
        for name in ("bpe_bytes", "unigram_bytes"):
            result = tokenize(DATA / "models" / f"{name}.model", b"5 99999 6", "--decode")
            self.assertEqual((result.returncode, result.stdout), (1, b""))
            self.assertRegex(result.stderr.decode(), r"^error: .*99999")


def add_test(path, part):
    name = f"test_{'encode' if part == 'cases' else 'decode'}_{path.stem}"
    setattr(Golden, name, lambda self: self.compare(path, part))


for file in FILES:
    add_test(file, "cases")
    add_test(file, "decode")


if __name__ == "__main__":
    if not Path(program("tokenize")).exists():
        sys.exit(f"{program('tokenize')} has not been built: set TULU_BUILD_DIR to the build folder")
    if not MODEL.exists():
        print(f"SKIPPED: {MODEL} is not there, so only the small models are tested", file=sys.stderr)
    main()
