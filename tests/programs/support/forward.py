"""The logits of a model folder against those that lie in it, of transformers."""

from support.npy import read_npy
from support.programs import ProgramTest, run

EXACT = 2e-5  # of the largest logit


class ForwardTest(ProgramTest):
    def distance(self, model, ids, wanted, *arguments):
        """The largest difference of the logits, of the largest one, and the logits that were found, row by row."""
        ids_file, out = self.dir / "ids.txt", self.dir / "out.npy"
        ids_file.write_text(" ".join(map(str, ids)))
        self.assert_done(run("logits", "--model", model, "--ids-file", ids_file, "--out", out, "--quiet", *arguments))
        _, shape, found = read_npy(out)
        self.assertEqual(shape[0], len(ids))
        self.assertEqual(len(found), shape[0] * shape[1])
        if wanted is None:
            return None, shape[1], found
        self.assertEqual(len(found), len(wanted))
        self.assertFalse(any(map(lambda x: x != x, found)), "NaN")
        return max(map(abs, (x - y for x, y in zip(found, wanted)))) / max(map(abs, wanted)), shape[1], found

    def check_greedy(self, folder):
        """Judged on the logits of the sequence that transformers made: at each place either its token has the largest one,
        or its own two best were closer than the tolerance."""
        _, _, greedy = read_npy(folder / "greedy.npy")
        margins = read_npy(folder / "margins.npy")[2] if (folder / "margins.npy").exists() else None
        _, width, found = self.distance(folder, greedy[:-1], None)
        first = len(greedy) - 200
        for i in range(first, len(greedy)):
            row = found[(i - 1) * width : i * width]
            best = max(range(width), key=row.__getitem__)
            if best == greedy[i]:
                continue
            size = max(map(abs, row))
            margin = margins[i - first] if margins else (row[best] - row[greedy[i]]) / size / 2
            self.assertLess(margin, EXACT, f"token {i}: {greedy[i]} wanted, {best} found")

    def check_folder(self, folder, tolerance, *arguments):
        _, _, ids = read_npy(folder / "ids.npy")
        _, _, wanted = read_npy(folder / "logits.npy")
        off, _, _ = self.distance(folder, ids, wanted, *arguments)
        print(f"{folder.name} {' '.join(arguments)}: {off:.1e}")
        self.assertLessEqual(off, tolerance)
        if (folder / "greedy.npy").exists():
            self.check_greedy(folder)
