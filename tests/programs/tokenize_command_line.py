"""tokenize as its users call it, mistakes included, with small models of our own."""

import subprocess
from pathlib import Path

from support.programs import SOURCE, ProgramTest, main, program

DATA = SOURCE / "tests" / "data" / "tokenizer"
BPE, UNIGRAM, FAST = DATA / "slow" / "llama.model", DATA / "slow" / "spaces.model", DATA / "json" / "llama_small.json"


def tokenize(*arguments, given=b""):
    command = [program("tokenize"), *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, timeout=300)


class CommandLine(ProgramTest):
    def assert_error(self, result, *parts):
        self.assertEqual(result.returncode, 1, result)
        self.assertEqual(result.stdout, b"")
        line = result.stderr.decode(errors="replace")
        self.assertTrue(line.startswith("error: ") and line.count("\n") == 1, line)
        for part in parts:
            self.assertIn(str(part), line)

    def test_text_comes_back_byte_for_byte(self):
        texts = [b"", b"\n", b" ", b"a\r\nb\0c", "  Gr\u00f6\u00dfe \u53cb\u9054 \U0001f600\n\n".encode(), bytes(range(128))]
        for text in texts:
            ids = tokenize("--model", BPE, given=text)
            self.assertEqual((ids.returncode, ids.stderr), (0, b""))
            self.assertRegex(ids.stdout, rb"\A(\d+( \d+)*)?\n\Z")
            back = tokenize("--model", BPE, "--decode", given=ids.stdout)
            self.assertEqual((back.returncode, back.stdout), (0, text))

    def test_nothing_in_is_an_empty_line(self):
        for model in (BPE, UNIGRAM, FAST):
            self.assertEqual(tokenize("--model", model).stdout, b"\n")
        self.assertEqual(tokenize("--model", BPE, "--bos").stdout, b"1\n")
        self.assertEqual(tokenize("--model", BPE, "--decode").stdout, b"")

    def test_bos_comes_only_when_asked(self):
        plain = tokenize("--model", BPE, given=b"the").stdout
        self.assertEqual(tokenize("--model", BPE, "--bos", given=b"the").stdout, b"1 " + plain)
        self.assertEqual(tokenize("--model", FAST, "--bos", given=b"the").stdout.split()[0], b"1")

    def test_control_tokens_give_their_text_only_in_the_hf_modes(self):
        self.assertEqual(tokenize("--model", BPE, "--decode", given=b"1 2").stdout, b"")
        for mode, model in (("hf-legacy", BPE), ("hf", BPE), ("hf-fast", FAST)):
            text = tokenize("--model", model, "--mode", mode, "--decode", given=b"1 2").stdout
            self.assertIn(b"<s>", text)
            self.assertIn(b"</s>", text)

    def test_bytes_that_are_no_text_stay_as_they_are(self):
        ids = b"%d %d" % (3 + 0xE2, 3 + 0xFF)
        for mode in ("spm", "hf-legacy", "hf"):
            self.assertEqual(tokenize("--model", BPE, "--mode", mode, "--decode", given=ids).stdout, b"\xe2\xff")

    def test_wrong_ids(self):
        for given, found in ((b"1 420", "420"), (b"4294967296", "4294967296"), (b"1 -1", "-1"), (b"1 2x", "2x"),
                             (b"<s>", "<s>"), (b"\xff", "\\xff"), (b"1,2", "1,2"), (b"99999999999999999999", "9999")):  # fmt: skip
            if found != "\\xff":
                self.assert_error(tokenize("--model", BPE, "--decode", given=given), found)
            else:
                self.assert_error(tokenize("--model", BPE, "--decode", given=given))

    def test_wrong_models(self):
        (self.dir / "empty").mkdir()
        (self.dir / "page.model").write_text("<!DOCTYPE html><html></html>")
        (self.dir / "cut.model").write_bytes(BPE.read_bytes()[:1000])
        (self.dir / "cut.json").write_bytes(FAST.read_bytes()[:1000])
        (self.dir / "nothing.model").write_bytes(b"")
        for name in ("missing.model", "missing.json", "empty", "page.model", "cut.model", "cut.json", "nothing.model"):
            self.assert_error(tokenize("--model", self.dir / name), name)
        self.assert_error(tokenize("--model", FAST, "--mode", "spm"), "tokenizer.model", "spm")
        self.assert_error(tokenize("--model", BPE, "--mode", "hf-fast"), "tokenizer.json", "hf-fast")

    def test_wrong_syntax(self):
        for arguments in ((), ("--model",), ("--model", BPE, "--mode", "gpt2"), ("--model", BPE, "--nonsense"),
                          ("--model", BPE, "stray"), ("--model", BPE, "--bos", "--decode")):  # fmt: skip
            result = tokenize(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertTrue(result.stderr.startswith(b"error: "), result.stderr)

    def test_a_folder_whose_files_disagree(self):
        folder = self.dir / "model"
        folder.mkdir()
        (folder / "tokenizer.model").write_bytes(BPE.read_bytes())
        (folder / "tokenizer.json").write_bytes(FAST.read_bytes())
        result = tokenize("--model", folder, given=b"the")
        self.assertEqual(result.stdout, tokenize("--model", BPE, given=b"the").stdout)
        self.assertRegex(result.stderr.decode(), r"\Awarning: .*tokenizer.model and tokenizer.json differ: id \d+ .*uses tokenizer.model\n\Z")
        self.assertEqual(tokenize("--model", folder, "--quiet").stderr, b"")
        fast = tokenize("--model", folder, "--mode", "hf-fast", given=b"the")
        self.assertEqual(fast.stdout, tokenize("--model", FAST, given=b"the").stdout)
        self.assertIn("uses tokenizer.json", fast.stderr.decode())


if __name__ == "__main__":
    main()
