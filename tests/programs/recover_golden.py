"""The project's own bases and diffs against what the original weight_diff.py made of them (tests/data/make_recover.py)."""

import hashlib
import json

from support import checkpoints, numbers
from support.programs import SOURCE, ProgramTest, main, recover

CASES = SOURCE / "tests" / "data" / "recover"


class Golden(ProgramTest):
    def check(self, folder):
        self.assert_done(recover(folder / "base", folder / "diff", self.dir / "tuned"))
        expected = json.loads((folder / "expected.json").read_text())
        found = checkpoints.read_folder(self.dir / "tuned")
        buffers = {name for name in found if name.endswith("rotary_emb.inv_freq")}
        for name in buffers:
            self.check_inv_freq(found[name])
        self.assertEqual(sorted(found.keys() - buffers), sorted(expected))
        for name, entry in expected.items():
            self.check_tensor(name, found[name], entry)

    def check_tensor(self, name, item, entry):
        self.assertEqual([item.dtype, list(item.shape)], [entry["dtype"], entry["shape"]], name)
        size = entry["rows"] * len(item.data) // item.shape[0]
        self.assertEqual(hashlib.sha256(item.data[:size]).hexdigest(), entry["sha256"], name)
        width = item.shape[-1]
        rest = numbers.decode("F32", item.data[size:])
        for row, wanted in enumerate(entry.get("mean_rows", [])):
            largest = max(map(abs, wanted))
            for x, y in zip(rest[row * width : (row + 1) * width], wanted, strict=True):
                self.assertLessEqual(abs(x - y), 1e-6 * largest, f"{name}, new row {row}")

    def check_inv_freq(self, item):
        """Head size 8 and base 10000 in all cases; torch rounds the powers to float32 on the way."""
        values = item.values()
        for i, value in enumerate(values):
            self.assertAlmostEqual(value, 10000.0 ** (-i / len(values)), delta=1e-6)

    def test_the_demo(self):
        self.check(SOURCE / "examples" / "data")

    def test_zip_files_with_an_index(self):
        self.check(CASES / "zip")

    def test_the_legacy_layout_in_bfloat16(self):
        self.check(CASES / "legacy_bf16")

    def test_strided_views_of_larger_storages(self):
        self.check(CASES / "views")

    def test_inv_freq_in_the_base_only(self):
        self.check(CASES / "inv_freq_base")

    def test_inv_freq_in_the_diff_only(self):
        self.check(CASES / "inv_freq_diff")

    def test_inv_freq_on_both_sides(self):
        self.check(CASES / "inv_freq_both")

    def test_tied_embeddings_are_added_twice_as_weight_diff_does(self):
        self.check(CASES / "tied")

    def test_a_diff_without_new_rows(self):
        self.check(CASES / "no_new_rows")

    def test_the_demo_has_the_published_tensor_digest(self):
        demo = SOURCE / "examples" / "data"
        self.assert_done(recover(demo / "base", demo / "diff", self.dir / "tuned"))
        manifest = json.loads((self.dir / "tuned" / "tulu_manifest.json").read_text())
        self.assertEqual(manifest["tensor_digest"], (demo / "tensor_digest.txt").read_text().strip())


if __name__ == "__main__":
    main()
