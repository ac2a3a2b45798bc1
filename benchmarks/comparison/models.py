"""The models that are run: random weights, as GGUF files that all sides can read."""

import contextlib
import shutil

from make_model import SHAPES, count_of, tensor_shapes, write_model

from .process import run_logged, say

TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_k")
STORED = ("f32", "f16", "bf16")


def layer_weights(shape):
    """Weights of all layers, which every token of a prompt is multiplied with; lm_head has but the last one."""
    tensors = tensor_shapes(SHAPES[shape])
    return sum(count_of(extents) for name, extents in tensors.items() if ".layers." in name and len(extents) == 2)


def all_weights(shape):
    return sum(map(count_of, tensor_shapes(SHAPES[shape]).values()))


class Models:
    """Makes what is asked for in a folder and removes it when its turn is over, unless it is to stay."""

    def __init__(self, folder, build, keep):
        self.folder, self.build, self.keep = folder, build, keep

    @contextlib.contextmanager
    def source(self, shape):
        """A folder of bfloat16 weights in Hugging Face's layout."""
        path = self.folder / f"model-{shape}"
        if not (path / "config.json").exists():  # it is written last
            say(f"making {path}")
            write_model(path, shape, dtype="bf16", runnable=True)
        yield path
        if not self.keep:
            shutil.rmtree(path)

    @contextlib.contextmanager
    def gguf(self, source, weights):
        path = self.folder / f"{source.name}.{weights}.gguf"
        if not path.exists():
            program = "convert" if weights in STORED else "quantize"
            names = ("--from", "--to") if weights in STORED else ("--model", "--out")
            command = [self.build / "examples" / program, names[0], source, names[1], path, "--dtype", weights]
            run_logged(command, self.folder / "models.log")
        yield path
        if not self.keep:
            path.unlink()
            path.with_name(path.name + ".tulu_manifest.json").unlink(missing_ok=True)


def read_once(path):
    """Brings a file into the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass
