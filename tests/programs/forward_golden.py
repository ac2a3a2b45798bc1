"""`logits` on the models of tests/data/model, whose logits and greedy continuations transformers computed."""

from support.forward import EXACT, ForwardTest
from support.programs import SOURCE, main


class Golden(ForwardTest):
    def test_every_model(self):
        folders = sorted(path.parent for path in (SOURCE / "tests" / "data" / "model").glob("*/logits.npy"))
        self.assertEqual(len(folders), 12)
        for folder in folders:
            for arguments in ((), ("--weights", "f32", "--backend", "portable", "--threads", "1")):
                with self.subTest(folder.name, arguments=arguments):
                    self.check_folder(folder, EXACT, *arguments)


if __name__ == "__main__":
    main()
