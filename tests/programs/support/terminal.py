"""A program that runs on a terminal: a pseudo-terminal that a test types on and reads from."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z~]|\x1b[()][0-9A-Z]|\x1b[=>]|\r")


class Terminal:
    """`command` with the terminal as its stdin, stdout and stderr, and as its controlling terminal."""

    def __init__(self, command, environment=None, columns=100, rows=30, stdout=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave if stdout is None else stdout, stderr=slave, close_fds=True,
            env={**os.environ, "TERM": "xterm", **(environment or {})}, preexec_fn=self._own_terminal)  # fmt: skip
        os.close(slave)
        self.raw = b""  # everything that was shown
        self.at = 0  # how much of its text the test has looked at

    @staticmethod
    def _own_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def type(self, text):
        os.write(self.master, text if isinstance(text, bytes) else text.encode())

    def read_more(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            data = b""
        self.raw += data
        return bool(data)

    def expect(self, pattern, timeout=60):
        """Waits for `pattern` (a regular expression) in what is shown next, escapes left out; returns all up to its end."""
        deadline = time.monotonic() + timeout
        open_ended = True
        while True:
            shown = ESCAPES.sub(b"", self.raw).decode(errors="replace")[self.at :]
            found = re.search(pattern, shown)
            if found:
                self.at += found.end()
                return shown[: found.end()]
            left = deadline - time.monotonic()
            if left <= 0 or not open_ended:
                raise AssertionError(f"{pattern!r} is not in what was shown: {shown!r}")
            open_ended = self.read_more(min(left, 0.2)) or self.process.poll() is None

    def interrupt(self):
        self.type(b"\x03")

    def send_signal(self, number=signal.SIGINT):
        self.process.send_signal(number)

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def wait(self, timeout=60):
        """The exit status, once everything that was shown has been read."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.read_more(0.1) and self.process.poll() is not None:
                return self.process.returncode
        self.close()
        raise AssertionError(f"the program did not end; shown: {self.raw!r}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.master is not None:
            os.close(self.master)
            self.master = None
