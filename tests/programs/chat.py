"""chat as its users call it: scripts through --prompt and stdin, and somebody at a terminal (a pseudo-terminal).

The models are made here and say what a table tells them to (support/chain_model.py).
"""

import json
import math
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from support import chain_model
from support.programs import ProgramTest, main, program, run
from support.terminal import Terminal

SHARED = Path(os.environ.get("TULU_SHARED_DIR") or "")
ANSWER = "ok! €"
PROMPT = r">>> "


def setUpModule():
    global MODELS, TALKER, TALKS_ON, DIFF
    MODELS = Path(tempfile.mkdtemp(prefix="tulu-chat-"))
    unittest.addModuleCleanup(shutil.rmtree, MODELS, ignore_errors=True)
    TALKER = chain_model.write(MODELS / "talker", chain_model.answers(ANSWER))
    TALKS_ON = chain_model.write(MODELS / "talks_on", chain_model.endless("xyz"), context=200000)
    DIFF = chain_model.write(MODELS / "diff", chain_model.answers(ANSWER), norm=0.001)


def chat(model, *arguments, given=None, **options):
    given = {"stdin": subprocess.DEVNULL} if given is None else {"input": given}
    return run("chat", "--model", model, "--temperature", "0", *arguments, encoding="utf-8", **given, **options)


class Script(ProgramTest):
    def test_a_prompt_gives_only_the_answer(self):
        result = self.assert_done(chat(TALKER, "--prompt", "Hello?"))
        self.assertEqual(result.stdout, ANSWER + "\n")
        for part in ("million parameters", "F32 weights", "backend ", "threads ", "format tulu (", "memory ", "tokens/s"):
            self.assertIn(part, result.stderr)
        self.assertNotIn("\x1b", result.stderr)

    def test_quiet_is_silent(self):
        result = self.assert_done(chat(TALKER, "--prompt", "Hello?", "--quiet"))
        self.assertEqual((result.stdout, result.stderr), (ANSWER + "\n", ""))

    def test_each_line_is_a_turn(self):
        lines = "Hello?\nHow are you?\r\n/help is a message here\n\nlast"
        result = self.assert_done(chat(TALKER, "--quiet", given=lines))
        self.assertEqual(result.stdout, (ANSWER + "\n") * 5)
        self.assertEqual(self.assert_done(chat(TALKER, "--quiet", given="")).stdout, "")

    def test_the_turns_are_one_conversation(self):
        shown = self.assert_done(chat(TALKER, "--threads", "1", given="Hello?\nHello?\n")).stderr
        sizes = [int(size) for size in re.findall(r"(\d+) prompt tokens", shown)]
        self.assertEqual(len(sizes), 2)
        self.assertGreater(sizes[1], sizes[0])

    def test_stop_texts(self):
        for stops, expected in ((["!"], "ok"), (["k! ", "zz"], "o"), (["zz"], ANSWER), (["[", "€"], "ok! ")):
            arguments = [part for stop in stops for part in ("--stop", stop)]
            result = self.assert_done(chat(TALKER, "--prompt", "Hi", "--quiet", *arguments))
            self.assertEqual(result.stdout, expected + "\n")

    def test_a_stop_text_is_what_slash_set_takes(self):
        said = "a[OK],b\n\\c"
        model = chain_model.write(self.dir / "model", chain_model.answers(said, start="|"))
        for stops, expected in (
            (["[OK]"], "a"), (["[zz,b]"], said), (["],"], "a[OK"), (["[zz]", r"\n", "[OK]"], "a"),
            ([r"\n"], "a[OK],b"), ([r"b\n\\c"], "a[OK],"), ([r"\t"], said),
        ):  # fmt: skip
            arguments = [part for stop in stops for part in ("--stop", stop)]
            result = self.assert_done(chat(model, "--prompt", "x|", "--format", "raw", "--quiet", *arguments))
            self.assertEqual(result.stdout, expected + "\n", stops)

    def test_an_empty_value_does_not_take_the_next_argument(self):
        result = self.assert_done(run("chat", "--prompt=", "--model", TALKER, "--temperature=0", "--quiet"))
        self.assertEqual(result.stdout, ANSWER + "\n")
        self.assert_done(chat(TALKER, "--system=", "--quiet=true", "--prompt", "Hi"))
        self.assert_wrong_usage(run("chat", "--model=", "--prompt", "Hi"), "--model")
        self.assert_wrong_usage(run("chat", "--model", TALKER, "--stop=", "--prompt", "Hi"), "--stop")
        self.assert_wrong_usage(run("chat", "--model", TALKER, "--prompt"), "--prompt")

    def test_a_value_that_looks_like_an_option(self):
        for arguments in (("--prompt", "--max_new_tokens=1"), ("--prompt=--quiet=",), ("--prompt", "--")):
            self.assertEqual(self.assert_done(chat(TALKER, "--quiet", *arguments)).stdout, ANSWER + "\n")

    def test_a_weight_file_stands_for_its_folder(self):
        model = chain_model.write(self.dir / "vicuna-7b", chain_model.answers(ANSWER, start=":"))
        for given, where in ((model, None), (model / "model.safetensors", None), (".", model), ("model.safetensors", model)):
            result = self.assert_done(chat(given, "--prompt", "Hi", cwd=where))
            self.assertEqual(result.stdout, ANSWER + "\n")
            self.assertIn("format vicuna (the model is called vicuna-7b)", result.stderr)

    def test_the_length_of_answers(self):
        for count, expected in ((1, "o"), (4, "ok! "), (5, "ok! "), (7, ANSWER), (100, ANSWER)):
            result = self.assert_done(chat(TALKER, "--prompt", "Hi", "--quiet", "--max-new-tokens", count))
            self.assertEqual(result.stdout.rstrip("\ufffd\n"), expected)

    def test_an_answer_ends_with_one_newline(self):
        model = chain_model.write(self.dir / "model", chain_model.answers("a\n", start="|"))
        result = self.assert_done(chat(model, "--prompt", "x|", "--format", "raw", "--quiet"))
        self.assertEqual(result.stdout, "a\n")

    def test_raw_goes_on_with_the_text(self):
        result = self.assert_done(chat(TALKS_ON, "--prompt", "by", "--format", "raw", "--quiet", "--max-new-tokens", "4"))
        self.assertEqual(result.stdout, "zxyz\n")

    def test_a_seed_repeats_an_answer(self):
        def answer(seed):
            return self.assert_done(run("chat", "--model", TALKER, "--prompt", "a", "--format", "raw", "--temperature", "5",
                                        "--seed", seed, "--max-new-tokens", "30", "--quiet")).stdout  # fmt: skip

        self.assertEqual(answer(1), answer(1))
        self.assertNotEqual(answer(1), answer(2))

    def test_a_full_context_is_told(self):
        result = self.assert_done(chat(TALKS_ON, "--quiet", "--context", "40", given="Hello\nHello again\n"))
        self.assertEqual(len(result.stdout.splitlines()), 2)
        self.assertRegex(result.stderr, r"warning: .* context of 40 tokens is full")
        self.assertRegex(result.stderr, r"warning: .*oldest 2 messages are left out")

    def test_a_context_beyond_the_model_is_told(self):
        result = self.assert_done(chat(TALKER, "--prompt", "Hi", "--quiet", "--context", "5000"))
        self.assertEqual(result.stdout, ANSWER + "\n")
        self.assertRegex(result.stderr, r"\Awarning: .* 5000, .* 4096 tokens\n\Z")

    def test_backends(self):
        result = self.assert_done(run("chat", "--list-backends"))
        names = result.stdout.split()
        self.assertEqual(result.stdout, "".join(name + "\n" for name in names))
        self.assertIn("portable", names)
        for name in ("portable", names[0]):
            shown = self.assert_done(chat(TALKER, "--prompt", "Hi", "--backend", name))
            self.assertEqual(shown.stdout, ANSWER + "\n")
            self.assertIn(f"backend {name},", shown.stderr)

    def test_types_of_weights(self):
        for name in ("f32", "f16", "bf16"):
            shown = self.assert_done(chat(TALKER, "--prompt", "Hi", "--weights", name))
            self.assertEqual(shown.stdout, ANSWER + "\n")
            self.assertIn(f"{name.upper()} weights", shown.stderr)

    def test_lookup_changes_nothing_but_the_time(self):
        model = chain_model.write(self.dir / "model", chain_model.endless("round", start="|"))
        arguments = ("--prompt", "x|", "--format", "raw", "--max-new-tokens", "28")
        plain, lookup = (self.assert_done(chat(model, *arguments, *more)) for more in ((), ("--lookup", "7")))
        self.assertEqual(plain.stdout, "roundroundroundroundroundrou\n")
        self.assertEqual(lookup.stdout, plain.stdout)
        self.assertNotIn("guessed ahead", plain.stderr)
        self.assertRegex(lookup.stderr, r"new tokens \(.*\), [1-9]\d* of \d+ guessed ahead")

    def test_wrong_usage(self):
        for arguments in ((), ("--nonsense",), ("--model", TALKER, "--format", "gpt"), ("--model", TALKER, "--backend", "mmx"),
                          ("--model", TALKER, "--weights", "f8"), ("--model", TALKER, "--temperature", "warm"),
                          ("--model", TALKER, "--temperature", "-1"), ("--model", TALKER, "--top-p", "1.5"),
                          ("--model", TALKER, "--context", "many"), ("--model", TALKER, "--stop", ""),
                          ("--model", TALKER, "--max-new-tokens", "-3"), ("--model", TALKER, "stray"),
                          ("--model", TALKER, "--temperature", "0", "--lookup", "8")):  # fmt: skip
            self.assert_wrong_usage(run("chat", *arguments, stdin=subprocess.DEVNULL), "error: ")
        self.assert_wrong_usage(run("chat", "--model", TALKER, "--format", "gpt"), "gpt", "tulu", "vicuna", "raw")
        self.assert_wrong_usage(run("chat", "--model", TALKER, "--lookup", "4", "--prompt", "Hi"), "lookup", "temperature")

    def test_refused(self):
        self.assert_refused(chat(self.dir / "nowhere", "--prompt", "Hi", "--quiet"), "nowhere")
        self.assert_refused(chat(TALKER, "--prompt", "x" * 100, "--context", "40", "--quiet"), "context")
        bare = self.dir / "bare"
        shutil.copytree(TALKER, bare)
        (bare / "tokenizer.model").unlink()
        self.assert_refused(chat(bare, "--prompt", "Hi", "--quiet"), "tokenizer.model")

    def test_a_weight_that_is_no_number(self):
        damaged = chain_model.write(self.dir / "damaged", chain_model.answers(ANSWER))
        with open(damaged / "model.safetensors", "r+b") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(start - 8))
            file.seek(start + header["lm_head.weight"]["data_offsets"][0])
            file.write(struct.pack("<f", math.nan))
        said = chat(damaged, "--prompt", "Hi", "--quiet")
        self.assert_refused(said, "found NaN; --check-tensors looks for weights that are NaN or infinite")
        self.assertNotIn("warning", said.stderr)
        said = chat(damaged, "--prompt", "Hi", "--quiet", "--check-tensors")
        self.assert_refused(said, "found NaN")
        self.assertNotIn("--check-tensors", said.stderr)
        self.assertRegex(said.stderr, r"warning: .*model\.safetensors: lm_head\.weight: has NaN: 1 of \d+ values, the first at index 0\n")

    def test_a_diff_is_refused_unless_allowed(self):
        self.assert_refused(chat(DIFF, "--prompt", "Hi", "--quiet"), "this is a weight diff: recover it first")
        self.assert_done(chat(DIFF, "--prompt", "Hi", "--quiet", "--allow-diff", "--max-new-tokens", "1"))

    def test_a_model_of_stories(self):
        model = SHARED / "data" / "stories260K"
        if not model.is_dir():
            self.skipTest(f"{model} is not there")
        self.assert_refused(chat(model, "--prompt", "Once", "--format", "raw", "--quiet"), "tokenizer")


class Interrupted(ProgramTest):
    def start(self, *arguments, **options):
        command = [program("chat"), "--model", str(TALKS_ON), "--quiet", *arguments]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def end(self, process, number=signal.SIGINT):
        process.send_signal(number)
        _, shown = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, shown)
        self.assertEqual(shown, b"")

    def test_an_answer_to_a_prompt(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("--prompt", "Hi")
            self.assertEqual(os.read(process.stdout.fileno(), 1), b"x")
            self.end(process, number)

    def test_an_answer_in_a_script(self):
        process = self.start(stdin=subprocess.PIPE)
        process.stdin.write(b"Hi\nHi\n")
        process.stdin.flush()
        self.assertEqual(os.read(process.stdout.fileno(), 1), b"x")
        self.end(process)

    def test_an_answer_in_a_script_that_ends_then(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        command = [program("chat"), "--model", str(TALKS_ON), "--quiet", "--max-new-tokens", "1"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        process.stdin.write(b"Hi\n")
        process.stdin.flush()
        self.assertEqual(os.read(read, 1) + os.read(read, 1), b"x\n")
        os.set_blocking(write, False)
        filled = os.write(write, bytes(1 << 20))
        os.set_blocking(write, True)
        os.close(write)
        process.stdin.write(b"Hi\nHi\n")
        process.stdin.flush()
        time.sleep(1)  # the last token of the answer now waits to be written
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.stdin.close()
        shown = b""
        while block := os.read(read, 1 << 16):
            shown += block
        self.assertEqual(process.wait(timeout=60), 130)
        self.assertIn(shown[filled:], (b"x\n", b""))

    def test_waiting_for_a_line(self):
        process = self.start("--max-new-tokens", "1", stdin=subprocess.PIPE)
        process.stdin.write(b"Hi\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"x\n")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=60), 130)  # with stdin still open
        process.communicate()


class AtTerminal(ProgramTest):
    def start(self, model, *arguments, **options):
        home = {"HOME": str(self.dir), "XDG_STATE_HOME": str(self.dir / "state"), "NO_COLOR": "1", **options.pop("environment", {})}
        command = [program("chat"), "--model", str(model), "--temperature", "0", *arguments]
        terminal = Terminal(command, home, **options)
        self.addCleanup(terminal.close)
        terminal.expect(PROMPT)
        return terminal

    def ask(self, terminal, keys, *patterns):
        """Types and waits for the patterns and the next prompt; returns what was shown."""
        terminal.type(keys)
        return "".join(terminal.expect(pattern) for pattern in (*patterns, PROMPT))

    def messages(self, terminal):
        """The conversation as /save has it: (role, content)."""
        path = self.dir / "session.json"
        self.ask(terminal, f"/save {path}\r", "saved ")
        return [(each["role"], each["content"]) for each in json.loads(path.read_text(encoding="utf-8"))["messages"]]


class Conversation(AtTerminal):
    def test_an_answer_and_what_it_took(self):
        terminal = self.start(TALKER)
        shown = self.ask(terminal, "Hello?\r", re.escape(ANSWER), r"\d+ prompt tokens .*tokens/s.*\d+ new tokens .*tokens/s")
        self.assertIn("Hello?", shown)
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)

    def test_only_answers_go_to_stdout(self):
        path = self.dir / "out"
        with open(path, "wb") as out:
            terminal = self.start(TALKER, stdout=out)
            self.ask(terminal, "Hello?\r", "tokens/s")
            self.ask(terminal, "/stats\r", "last answer")
            terminal.type("/exit\r")
            self.assertEqual(terminal.wait(), 0)
        self.assertEqual(path.read_text(encoding="utf-8"), ANSWER + "\n")

    def test_ctrl_c_at_an_empty_prompt_ends_it(self):
        terminal = self.start(TALKER)
        terminal.interrupt()
        self.assertEqual(terminal.wait(), 130)
        terminal = self.start(TALKER)
        self.ask(terminal, "Hello?\r", "tokens/s")
        terminal.send_signal(signal.SIGINT)
        self.assertEqual(terminal.wait(), 130)

    def test_ctrl_c_drops_what_was_typed(self):
        terminal = self.start(TALKER)
        for keys in ("half of a", '"""\rhalf of', "half of\\\ra"):
            terminal.type(keys)
            time.sleep(0.3)
            self.ask(terminal, b"\x03")
        self.ask(terminal, "whole\r", "tokens/s")
        self.assertEqual(self.messages(terminal)[0], ("user", "whole"))

    def test_ctrl_c_stops_an_answer_and_keeps_the_session(self):
        terminal = self.start(TALKS_ON)
        terminal.type("first\r")
        terminal.expect("xyzxyz")
        terminal.interrupt()
        terminal.expect(r", stopped")
        terminal.expect(PROMPT)
        (user, answer) = self.messages(terminal)
        self.assertEqual(user, ("user", "first"))
        self.assertTrue(answer[1].startswith("xyzxyz"))
        self.ask(terminal, "/set max-new-tokens 3\r", "max-new-tokens = 3")
        self.ask(terminal, "second\r", "xyz")
        self.assertEqual(self.messages(terminal)[2:], [("user", "second"), ("assistant", "xyz")])
        terminal.interrupt()
        self.assertEqual(terminal.wait(), 130)

    def test_sigterm_ends_it(self):
        terminal = self.start(TALKS_ON)
        terminal.type("half")
        time.sleep(0.2)
        terminal.send_signal(signal.SIGTERM)
        self.assertEqual(terminal.wait(), 130)
        terminal = self.start(TALKS_ON)
        terminal.type("first\r")
        terminal.expect("xyz")
        terminal.send_signal(signal.SIGTERM)
        self.assertEqual(terminal.wait(), 130)

    def test_what_goes_wrong_does_not_end_it(self):
        terminal = self.start(TALKER, "--context", "60")
        self.ask(terminal, "x" * 80 + "\r", "error: .*context")
        self.ask(terminal, "Hello?\r", re.escape(ANSWER))

    def test_without_a_terminal_capability(self):
        terminal = self.start(TALKER, environment={"TERM": "dumb"})
        self.ask(terminal, "Hello?\r", re.escape(ANSWER))
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)


class Commands(AtTerminal):
    def test_help_and_unknown_ones(self):
        terminal = self.start(TALKER)
        shown = self.ask(terminal, "/help\r", "Settings: ")
        for word in ("system", "save", "load", "regen", "undo", "clear", "set", "stats", "help", "exit"):
            self.assertIn("/" + word, shown)
        self.ask(terminal, "/hlep\r", r"unknown command /hlep, did you mean /help\?")
        self.ask(terminal, "/und\r", r"did you mean /undo\?")
        self.ask(terminal, "/undo it\r", "error: /undo")
        self.assertEqual(self.messages(terminal), [])

    def test_what_only_looks_like_a_command(self):
        terminal = self.start(TALKER)
        self.ask(terminal, "/usr/bin is a folder\r", "tokens/s")
        self.ask(terminal, "//help\r", "tokens/s")
        self.ask(terminal, '"""\r/help\r"""\r', "tokens/s")
        said = [content for role, content in self.messages(terminal) if role == "user"]
        self.assertEqual(said, ["/usr/bin is a folder", "/help", "/help"])

    def test_system(self):
        terminal = self.start(TALKER, "--system", "Be kind.")
        self.ask(terminal, "/system\r", "system message: Be kind.")
        self.ask(terminal, "/system Be brief.\r", "system message: Be brief.")
        self.ask(terminal, "Hi\r", "tokens/s")
        self.ask(terminal, "/clear\r", "1 message")
        self.assertEqual(self.messages(terminal), [("system", "Be brief.")])
        self.ask(terminal, '/system ""\r', "no system message")
        self.assertEqual(self.messages(terminal), [])

    def test_undo_regen_and_clear(self):
        terminal = self.start(TALKER)
        self.ask(terminal, "/undo\r", "nothing to take back")
        self.ask(terminal, "/regen\r", "error: ")
        self.ask(terminal, "one\r", "tokens/s")
        self.ask(terminal, "two\r", "tokens/s")
        self.ask(terminal, "/regen\r", re.escape(ANSWER))
        pair = [("user", "one"), ("assistant", ANSWER)]
        self.assertEqual(self.messages(terminal), [*pair, ("user", "two"), ("assistant", ANSWER)])
        self.ask(terminal, "/undo\r", "2 messages")
        self.assertEqual(self.messages(terminal), pair)
        self.ask(terminal, "/clear\r", "0 messages")
        self.assertEqual(self.messages(terminal), [])

    def test_save_and_load(self):
        terminal = self.start(TALKER)
        self.ask(terminal, "Grö友ße\r", "tokens/s")
        self.ask(terminal, "/set stop k\r", 'stop = "k"')
        self.ask(terminal, "/save ~/my talk.json\r", "saved .*2 messages")
        self.ask(terminal, "/save\r", "error: /save needs")
        self.ask(terminal, "/load ~/nothing.json\r", "error: .*nothing.json")
        terminal.type("/exit\r")
        self.assertEqual(terminal.wait(), 0)
        terminal = self.start(TALKER)
        self.ask(terminal, "/load ~/my talk.json\r", "loaded .*2 messages")
        self.ask(terminal, "/set\r", 'stop = "k"')
        self.ask(terminal, "Again\r", r"\no\n")
        said = [("user", "Grö友ße"), ("assistant", ANSWER), ("user", "Again"), ("assistant", "o")]
        self.assertEqual(self.messages(terminal), said)

    def test_save_replaces_only_conversations(self):
        terminal = self.start(TALKER)
        for name, content in (("notes.txt", "mine"), ("empty", ""), ("other.json", "{}")):
            path = self.dir / name
            path.write_text(content)
            self.ask(terminal, f"/save {path}\r", f"error: .*{name}: is there and is no saved conversation")
            self.assertEqual(path.read_text(), content)
        self.ask(terminal, f"/save {self.dir}\r", "error: ")
        for _ in range(2):
            self.ask(terminal, f"/save {self.dir / 'talk'}\r", "saved ")
        self.assertEqual((self.dir / "talk").stat().st_mode & 0o777, 0o600)

    def test_what_is_loaded_does_not_command_the_terminal(self):
        terminal = self.start(TALKER)
        self.messages(terminal)
        path = self.dir / "session.json"
        session = json.loads(path.read_text(encoding="utf-8"))
        session["options"]["stop"] = ["a\x1b[31mb\x9b\x07"]
        session["messages"] = [{"role": "system", "content": "c\x1b[32md"}]
        session["template"] = "e\x1b[33mf"
        path.write_text(json.dumps(session))
        self.ask(terminal, f"/load {path}\r", "loaded ")
        self.ask(terminal, "/set\r", 'stop = "a.*b.*"')
        self.ask(terminal, "/system\r", "system message: c.*d")
        for code in (b"\x1b[31m", b"\x1b[32m", b"\x1b[33m", b"\xc2\x9b", b"\x07"):
            self.assertNotIn(code, terminal.raw)

    def test_a_seed_starts_anew_even_when_it_is_the_same(self):
        terminal = self.start(TALKS_ON, "--format", "raw", "--max-new-tokens", "30", "--seed", "3")
        self.ask(terminal, "/set temperature 5\r", "temperature = 5")

        def answer(*commands):
            for command in commands:
                self.ask(terminal, f"{command}\r", "taken back|seed = 3")
            self.ask(terminal, "Hi\r", "tokens/s")
            return self.messages(terminal)[-1][1]

        first = answer()
        self.assertNotEqual(answer("/undo"), first)
        self.assertEqual(answer("/undo", "/set seed 3"), first)
        self.assertEqual(answer("/undo", "/set seed 3"), first)

    def test_set(self):
        terminal = self.start(TALKER, "--top-k", "7", "--stop", "zz")
        shown = self.ask(terminal, "/set\r", "stop = .*")
        for line in ("temperature = 0", "top-k = 7", "top-p = 1", "min-p = 0", "repetition-penalty = 1", "seed = 0",
                     "max-new-tokens = unlimited", "lookup = 0", 'stop = "zz"'):  # fmt: skip
            self.assertIn(line, shown)
        for name, value in (("temperature", "0.5"), ("top-p", "0.9"), ("top-k", "40"), ("min-p", "0.05"),
                            ("seed", "18446744073709551615"), ("repetition-penalty", "1.1"), ("max-new-tokens", "2")):  # fmt: skip
            self.ask(terminal, f"/set {name} {value}\r", re.escape(f"{name} = {value}"))
        self.ask(terminal, "/set max_new_tokens 1\r", "max-new-tokens = 1")
        self.ask(terminal, "Hi\r", r"\no\n")
        self.ask(terminal, "/set temprature 1\r", "unknown setting temprature, did you mean temperature")
        self.ask(terminal, "/set top-p 2\r", "error: top_p")
        self.ask(terminal, "/set lookup 3\r", "error: lookup: expected 0 unless temperature is 0")
        self.ask(terminal, "/set top-k many\r", "error: top-k: expected a whole number, found many")
        self.ask(terminal, "/set top-k\r", "error: top-k")
        self.assertIn("top-k = 40", self.ask(terminal, "/set\r", "stop = .*"))
        self.ask(terminal, "/set stop\r", "stop = none")

    def test_stats(self):
        terminal = self.start(TALKER)
        self.ask(terminal, "Hi\r", "tokens/s")
        shown = self.ask(terminal, "/stats\r", "activations")
        self.assertRegex(shown, r"last answer: \d+ prompt tokens")
        self.assertRegex(shown, r"context: \d+ of 4096 tokens; the conversation has 2 messages")


class Editing(AtTerminal):
    def setUp(self):
        super().setUp()
        if "without libedit" in run("chat", "--help").stdout:
            self.skipTest("chat was built without libedit")

    def said(self, terminal, keys):
        """What a message was that was typed so."""
        self.ask(terminal, keys, "tokens/s")
        return [content for role, content in self.messages(terminal) if role == "user"][-1]

    def test_keys(self):
        terminal = self.start(TALKER)
        for keys, expected in (
            ("world\x1b[Ha\x1b[Fz\r", "aworldz"), ("world\x1bOHa\x1bOFz\r", "aworldz"), ("world\x1b[1~a\x1b[4~z\r", "aworldz"),
            ("one two\x1b[1;5D\x1b[1;5DX\r", "Xone two"), ("one two\x01\x1b[1;5CX\r", "oneX two"), ("one two\x1bbX\r", "one Xtwo"),
            ("one two\x01\x1bfX\r", "oneX two"), ("abc\x1b[D\x1b[D\x1b[3~X\r", "aXc"), ("abc\x7fX\r", "abX"),
            ("one two\x17X\r", "one X"), ("a友é\x1b[D\x7fb\U0001f600\r", "ab\U0001f600é"), ("Grö友ße\r", "Grö友ße"),
        ):  # fmt: skip
            self.assertEqual(self.said(terminal, keys), expected, keys)

    def test_several_lines(self):
        terminal = self.start(TALKER)
        self.assertEqual(self.said(terminal, "one\\\r  two\\\rthree\r"), "one\n  two\nthree")
        self.assertEqual(self.said(terminal, '"""\rone\r\r  two\\\r"""\r'), "one\n\n  two\\")
        self.assertEqual(self.said(terminal, "\x1b[A\x1b[A\r"), "one\n\n  two\\")

    def test_a_paste_is_one_message(self):
        terminal = self.start(TALKER)
        self.assertIn(b"\x1b[?2004h", terminal.raw)
        paste = "\x1b[200~{}\x1b[201~"
        self.assertEqual(self.said(terminal, paste.format("line 1\nline 2\n") + "\r"), "line 1\nline 2")
        self.assertEqual(self.said(terminal, paste.format("a\r\nb\rc\td\x01") + "e\r"), "a\nb\nc\tde")
        self.assertEqual(self.said(terminal, "[" + paste.format("友") + "]\x1b[D\x1b[D{\r"), "[{友]")
        long = "\n".join(f"row {row} ä" for row in range(100))
        self.assertEqual(self.said(terminal, paste.format(long) + "\r"), long)
        self.assertEqual(self.said(terminal, "\x1b[A\x1b[A!\r"), long + "!")

    def test_history(self):
        terminal = self.start(TALKER)
        for keys in ("first\r", "a\\\rb\\\\c\r"):
            self.ask(terminal, keys, "tokens/s")
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)
        path = self.dir / "state" / "tulu" / "chat_history"
        self.assertEqual(path.read_text(), "first\na\\nb\\\\\\\\c\n")
        self.assertEqual(path.stat().st_mode & 0o077, 0)
        terminal = self.start(TALKER)
        self.assertEqual(self.said(terminal, "\x1b[A\r"), "a\nb\\\\c")
        self.assertEqual(self.said(terminal, "\x1b[A\x1b[A\x1b[A\x1b[A!\r"), "first!")

    def test_history_in_the_home(self):
        terminal = self.start(TALKER, environment={"XDG_STATE_HOME": "relative"})
        self.ask(terminal, "first\r", "tokens/s")
        self.assertEqual((self.dir / ".local" / "state" / "tulu" / "chat_history").read_text(), "first\n")

    def test_a_new_size_and_a_stop_keep_the_line(self):
        terminal = self.start(TALKER)
        terminal.type("one ")
        time.sleep(0.3)
        terminal.resize(40, 10)
        time.sleep(0.3)
        terminal.type("two ")
        time.sleep(0.3)
        terminal.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        terminal.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        self.assertEqual(self.said(terminal, "three\r"), "one two three")


if __name__ == "__main__":
    main()
