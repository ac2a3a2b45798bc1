"""perplexity as its users call it, mistakes included, and against the same sums over what `logits` says."""

import json
import math
import re
import shutil
import subprocess

from support import checkpoints
from support.npy import read_npy
from support.programs import SOURCE, ProgramTest, main, program, run
from support.terminal import Terminal

TOKENIZER = SOURCE / "tests" / "data" / "tokenizer" / "slow" / "llama.model"
ROWS, POSITIONS, BOS = 420, 64, 1
LINE = re.compile(r"perplexity (\d+\.\d+) tokens (\d+)\n")
TEXT = (SOURCE / "LICENSE").read_text()[:900] + "\n  Grüße, 友達! <s> [INST]\n"


class Perplexity(ProgramTest):
    def setUp(self):
        super().setUp()
        self.tensors = checkpoints.llama(seed=5, dtype="F32", rows=ROWS, scale=0.3)
        self.model = self.write()
        self.text = self.dir / "text.txt"
        self.text.write_text(TEXT, encoding="utf-8")

    def write(self, name="model", tensors=None, tokenizer_config=None, **config):
        folder = checkpoints.write_folder(self.dir / name, tensors or self.tensors, checkpoints.config(self.tensors, **config))
        shutil.copy(TOKENIZER, folder / "tokenizer.model")
        if tokenizer_config is not None:
            (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
        return folder

    def perplexity(self, *arguments, model=None, file=None, **options):
        return run("perplexity", "--model", model or self.model, "--file", file or self.text, *arguments, **options)

    def found(self, *arguments, **options):
        """(perplexity, tokens) of the last line, which is the only one."""
        result = self.assert_done(self.perplexity(*arguments, **options))
        self.assertEqual(result.stderr, "")
        line = LINE.fullmatch(result.stdout)
        self.assertIsNotNone(line, result.stdout)
        return float(line[1]), int(line[2])

    def ids(self, text):
        command = [program("tokenize"), "--model", str(TOKENIZER)]
        return list(map(int, subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.split()))

    def expected(self, ids, context, bos):
        """The protocol, with the logits of each chunk by themselves."""
        nll, tokens = 0.0, 0
        for at in range(0, len(ids) - context + 1, context):
            chunk = ids[at : at + context]
            if bos is not None:
                chunk[0] = bos
            (self.dir / "ids").write_text(" ".join(map(str, chunk)))
            out = self.dir / "out.npy"
            self.assert_done(run("logits", "--model", self.model, "--ids-file", self.dir / "ids", "--out", out))
            _, shape, values = read_npy(out)
            self.assertEqual(shape, (context, ROWS))
            for position in range(context // 2, context - 1):
                row = values[position * ROWS : (position + 1) * ROWS]
                nll += math.log(math.fsum(map(math.exp, row))) - row[chunk[position + 1]]
                tokens += 1
        return math.exp(nll / tokens), tokens


class CommandLine(Perplexity):
    def assert_close(self, found, expected, bound=2e-5):
        self.assertEqual(found[1], expected[1])
        self.assertLessEqual(abs(found[0] / expected[0] - 1), bound, (found, expected))

    def test_the_protocol(self):
        ids = [BOS, *self.ids(TEXT)]
        self.assertGreater(len(ids), 5 * POSITIONS)
        for context in (POSITIONS, 33, 3):
            self.assert_close(self.found("--context", context), self.expected(ids, context, BOS))

    def test_a_tokenizer_that_adds_no_bos(self):
        model = self.write("no_bos", tokenizer_config={"add_bos_token": False, "bos_token": "<s>", "eos_token": "</s>"})
        found = self.found("--context", POSITIONS, model=model)
        self.assert_close(found, self.expected(self.ids(TEXT), POSITIONS, None))
        self.assertNotEqual(found, self.found("--context", POSITIONS))

    def test_special_tokens_in_the_text_are_text(self):
        self.text.write_text("</s>" * (POSITIONS - 2))  # too few, were each one token
        self.assertEqual(self.found("--context", POSITIONS)[1] % (POSITIONS // 2 - 1), 0)

    def test_the_rest_is_dropped(self):
        words = "ab cd ef gh ij kl " * 40
        for count in (8, 9, 15, 16, 17):
            text = next(words[:n] for n in range(len(words)) if len(self.ids(words[:n])) == count - 1)
            self.text.write_text(text)
            self.assertEqual(self.found("--context", 8)[1], 3 * (count // 8))

    def test_weight_types_backends_threads(self):
        exact = self.found("--context", POSITIONS)
        self.assertEqual(self.found("--context", POSITIONS, "--weights", "f32"), exact)
        for kind in ("f16", "bf16"):
            rounded = self.found("--context", POSITIONS, "--weights", kind)
            self.assertNotEqual(rounded, exact)
            self.assert_close(rounded, exact, 2e-2)
        self.assert_close(self.found("--context", POSITIONS, "--backend", "portable"), exact)
        self.assertEqual(self.found("--context", POSITIONS, "--threads", 1), self.found("--context", POSITIONS, "--threads", 3))

    def test_weights_in_blocks(self):
        self.text.write_text(TEXT[:400])
        wide = checkpoints.llama(seed=6, dtype="F32", rows=ROWS, hidden=64, intermediate=96, layers=1, scale=0.1)
        folder = checkpoints.write_folder(self.dir / "wide", wide, checkpoints.config(wide))
        shutil.copy(TOKENIZER, folder / "tokenizer.model")
        exact = self.found("--context", POSITIONS, model=folder)
        for kind, bound, warning in (("q8_0", 5e-3, ""), ("q4_0", 5e-2, "1 of 9 .*: q8_0"), ("q4_k", 5e-2, "9 of 9 .*: q5_0 and q8_0")):
            result = self.assert_done(self.perplexity("--context", POSITIONS, "--weights", kind, model=folder))
            self.assertRegex(result.stderr, rf"\Awarning: .*{warning} instead\n\Z" if warning else r"\A\Z")
            line = LINE.fullmatch(result.stdout)
            found = float(line[1]), int(line[2])
            self.assertNotEqual(found, exact)
            self.assert_close(found, exact, bound)

    def test_rows_that_no_block_fits(self):
        result = self.assert_done(self.perplexity("--context", POSITIONS, "--weights", "q8_0"))
        self.assertRegex(result.stderr, r"\Awarning: .*16 of 16 matrices have rows that are no multiple .*: f16 instead\n\Z")
        found = LINE.fullmatch(result.stdout)
        self.assertEqual((float(found[1]), int(found[2])), self.found("--context", POSITIONS, "--weights", "f16"))

    def test_the_text_of_a_pipe(self):
        self.assertEqual(self.found("--context", 8, file="/dev/stdin", input=TEXT), self.found("--context", 8))

    def test_wrong_syntax(self):
        for arguments in (("--model", self.model), ("--file", self.text)):
            self.assert_wrong_usage(run("perplexity", *arguments), "error: ")
        for arguments in (("--context", "0"), ("--context", "-8"), ("--context", "many"), ("--weights", "f8"), ("stray",)):
            self.assert_wrong_usage(self.perplexity(*arguments), "error: ", arguments[-1])

    def test_a_terminal_shows_progress_and_ctrl_c_ends_it(self):
        self.text.write_text(TEXT * 3000)
        command = [program("perplexity"), "--model", self.model, "--file", self.text, "--context", "64"]
        terminal = Terminal(list(map(str, command)))
        self.addCleanup(terminal.close)
        terminal.expect(r"\d+ of \d{5} chunks, \d+\.\d+ chunks/s, \d+:\d\d left")
        terminal.interrupt()
        terminal.expect("interrupted")
        self.assertEqual(terminal.wait(), 130)


class BadInput(Perplexity):
    def refused(self, *parts, arguments=("--context", 8), **options):
        result = self.perplexity(*arguments, **options)
        self.assert_refused(result, *parts)
        self.assertEqual(result.stdout, "")

    def test_files(self):
        self.refused("absent.txt", file=self.dir / "absent.txt")
        self.refused("regular file", file=self.dir)
        self.refused("absent", model=self.dir / "absent")
        (self.model / "tokenizer.model").unlink()
        self.refused("expected a tokenizer.model or a tokenizer.json, found neither")

    def test_too_short(self):
        self.text.write_text("a")
        ids = len(self.ids("a")) + 1
        self.refused(f"text.txt: expected a text of at least 8 ids, which --context asks for, found one of {ids}")
        self.text.write_text("")
        self.refused("found one of 1")

    def test_contexts(self):
        for context in (1, 2, POSITIONS + 1, 10**9):
            self.refused(f"--context: expected 3 to {POSITIONS} ids", f"found {context}", arguments=("--context", context))
        self.refused("found 512", arguments=())

    def test_a_vocabulary_larger_than_the_model(self):
        small = checkpoints.llama(seed=5, dtype="F32", rows=100)
        folder = checkpoints.write_folder(self.dir / "small", small, checkpoints.config(small))
        shutil.copy(TOKENIZER, folder / "tokenizer.model")
        self.refused("expected an id below 100", model=folder)

    def test_nan(self):
        item = self.tensors["model.norm.weight"]
        damaged = dict(self.tensors, **{"model.norm.weight": checkpoints.tensor("F32", item.shape, [math.nan] * item.shape[0])})
        self.refused("logits: id 0: expected a number, found NaN", model=self.write("nan", damaged))


main()
