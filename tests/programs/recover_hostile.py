"""Hostile .bin files: nothing in them is run, nothing large is allocated, each is refused with one line."""

import os
import pickle
import resource
import struct
import subprocess
import zipfile
from collections import OrderedDict
from pathlib import Path

from support import checkpoints, pickles
from support.programs import ProgramTest, main, program, recover, recover_arguments

MEMORY = 2 << 30
NORM = "model.norm.weight"
SANITIZED = b"__asan_init" in Path(program("recover")).read_bytes() if Path(program("recover")).exists() else False


class Command:
    """Runs a command when unpickled."""

    def __init__(self, marker, function=os.system, argument=None):
        self.function, self.argument = function, argument or f"touch '{marker}'"

    def __reduce__(self):
        return self.function, (self.argument,)


class Hostile(ProgramTest):
    def setUp(self):
        super().setUp()
        self.base, diff = checkpoints.llama(1, "F16"), checkpoints.llama(2, "F32", scale=0.01)
        self.raw_dir, self.marker = self.dir / "base", self.dir / "marker"
        self.raw_dir.mkdir()
        self.diff_dir = checkpoints.write_folder(self.dir / "diff", diff, checkpoints.config(diff))
        self.file = self.raw_dir / "pytorch_model.bin"

    def assert_file_refused(self, *parts):
        """Refused within a small address space and without any trace."""
        command = [program("recover"), *recover_arguments(self.raw_dir, self.diff_dir, self.dir / "tuned")]
        limit = None if SANITIZED else lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        result = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=120, preexec_fn=limit
        )
        self.assert_refused(result, self.file, *parts)
        self.assertFalse(self.marker.exists(), "something in the file was run")
        self.assertFalse((self.dir / "tuned").exists())

    def refuse_pickle(self, pickled, *parts, storages=None):
        pickles.write_zip(self.file, pickled, storages or {"0": b"\0" * 64})
        self.assert_file_refused(*parts)

    def test_the_untouched_file_is_accepted(self):
        items, storages = pickles.state_dict(self.base)
        pickles.write_zip(self.file, pickles.dumps(items), storages)
        self.assert_done(recover(self.raw_dir, self.diff_dir, self.dir / "tuned"))

    def test_calls_of_anything_else_than_tensors(self):
        calls = [Command(self.marker), Command(self.marker, exec, f"open({str(self.marker)!r}, 'w')"),
                 Command(self.marker, subprocess.call, ["touch", str(self.marker)]), Command(self.marker, eval, "1")]  # fmt: skip
        items, storages = pickles.state_dict(self.base)
        for call in calls:
            for protocol in (0, 2, 4):
                with self.subTest(function=call.function.__name__, protocol=protocol):
                    self.refuse_pickle(pickle.dumps({"a": call}, protocol))
                    self.refuse_pickle(pickle.dumps(call, protocol))
        items["extra"] = Command(self.marker)
        self.refuse_pickle(pickles.dumps(items), "system", storages=storages)

    def test_calls_in_the_legacy_layout(self):
        magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
        system = pickle.dumps({"little_endian": True, "protocol_version": 1001, "type_sizes": {}}, 2)
        for body in (magic + system + pickle.dumps(Command(self.marker), 2), magic + pickle.dumps(Command(self.marker), 2),
                     pickle.dumps(Command(self.marker), 2), b"cos\nsystem\n(S'touch " + str(self.marker).encode() + b"'\ntR."):  # fmt: skip
            with self.subTest(body=body[:30]):
                self.file.write_bytes(body)
                self.assert_file_refused()

    def test_numbers_that_do_not_fit_their_storage(self):
        def views(offset=0, shape=(16,), strides=(1,), count=16, key="0", dtype="F16"):
            return {NORM: pickles.View(pickles.Storage(dtype, key, count), offset, shape, strides)}

        huge = 2**62
        wrong = [
            views(offset=1), views(offset=-1), views(offset=huge), views(offset=2**70), views(shape=(17,)),
            views(shape=(huge,)), views(shape=(huge, huge), strides=(1, 1)), views(shape=(-1,)), views(strides=(2,)),
            views(strides=(huge,)), views(strides=(-1,)), views(shape=(4, 4), strides=(4,)), views(count=huge),
            views(count=-1), views(count=17), views(key="1"), views(key="../0"), views(shape=(1,) * 1000, strides=(1,) * 1000),
            views(shape=("16",)), views(shape=(None,)), views(offset=0.5),
        ]  # fmt: skip
        for item in wrong:
            with self.subTest(arguments=item[NORM].arguments[1:4]):
                self.refuse_pickle(pickles.dumps(item), storages={"0": b"\0" * 32})

    def test_repeated_elements_cannot_blow_a_tensor_up(self):
        rows = 2**40
        storage = pickles.Storage("F16", "0", 16)
        self.refuse_pickle(
            pickles.dumps({NORM: pickles.View(storage, 0, (rows, 16), (0, 1))}), storages={"0": b"\0" * 32}
        )

    def test_things_that_are_no_state_dict(self):
        cycle = []
        cycle.append(cycle)
        loop = {}
        loop["self"] = loop
        for item in (None, 3, [], "text", cycle):
            with self.subTest(item=type(item)):
                self.refuse_pickle(pickle.dumps(item, 2))
        for item in ({}, {1: 2}, loop, {"a": 3}, OrderedDict(a=[1, 2])):
            with self.subTest(item=type(item)):
                pickles.write_zip(self.file, pickle.dumps(item, 2), {})
                self.assert_refused(recover(self.raw_dir, self.diff_dir, self.dir / "tuned"), self.raw_dir)
                self.assertFalse((self.dir / "tuned").exists())

    def test_streams_that_are_deep_long_or_torn(self):
        whole = pickles.dumps(pickles.state_dict(self.base)[0])
        streams = [
            b"", b".", b"\x80\x02", b"\x80\x02.", b"\x80\xffN.", whole[:-1], whole[: len(whole) // 2], b"0.", b"(" * 100000,
            b"\x80\x02" + b"]" * 200000 + b"a" * 199999 + b".", b"\x80\x02" + b"(" * 50000 + b"t" * 50000 + b".",
            b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"a.", b"\x80\x04\x8d" + struct.pack("<Q", 2**63) + b"a.",
            b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.", b"\x80\x02\x8b" + struct.pack("<i", -1) + b"a.",
            b"\x80\x02h\x07.", b"\x80\x02j" + struct.pack("<I", 2**32 - 1) + b".", b"\x80\x02Nr" + struct.pack("<I", 2**32 - 1) + b".",
            b"\x80\x02}(" + b"K\x01" * 3 + b"u.", b"\x80\x02\x82\x01.", b"\x80\x02N\x81.", b"\x80\x02NNR.", b"\x80\x02NQ.", b"\xff" * 64,
        ]  # fmt: skip
        for stream in streams:
            with self.subTest(stream=stream[:20], size=len(stream)):
                self.refuse_pickle(stream)

    def test_dictionaries_that_double(self):
        """2**60 elements by way of the memo, in a few hundred bytes."""
        body = b"\x80\x02]q\x00" + b"".join(b"]q%c(h%ch%ce" % (n + 1, n, n) for n in range(60)) + b"."
        self.refuse_pickle(body)

    def test_archives_that_are_no_archives(self):
        items, storages = pickles.state_dict(self.base)
        pickles.write_zip(self.file, pickles.dumps(items), storages)
        whole = self.file.read_bytes()
        end = whole.rindex(b"PK\x05\x06")
        spoilt = {
            "empty": b"",
            "cut in the middle": whole[: len(whole) // 2],
            "cut in the directory": whole[: end - 20],
            "no end record": whole[:end],
            "directory past the end": whole[: end + 16] + struct.pack("<I", 2**32 - 2) + whole[end + 20 :],
            "more entries than there are": whole[: end + 8] + struct.pack("<HH", 65534, 65534) + whole[end + 12 :],
            "first local header gone": b"\0" * 30 + whole[30:],
        }
        for name, content in spoilt.items():
            with self.subTest(name):
                self.file.write_bytes(content)
                self.assert_file_refused()

    def test_compressed_archive(self):
        items, storages = pickles.state_dict(self.base)
        pickles.write_zip(self.file, pickles.dumps(items), storages, zipfile.ZIP_DEFLATED)
        self.assert_file_refused()

    def test_storage_that_is_shorter_than_it_says(self):
        items, storages = pickles.state_dict(self.base)
        self.refuse_pickle(pickles.dumps(items), storages={key: data[:-1] for key, data in storages.items()})


if __name__ == "__main__":
    main()
