"""PyTorch's .bin files without torch: the zip container around any pickle, and pickles of tensors with any numbers."""

import io
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

STORAGES = {
    "F32": "FloatStorage",
    "F16": "HalfStorage",
    "BF16": "BFloat16Storage",
    "I64": "LongStorage",
    "BOOL": "BoolStorage",
}


def stand_ins():
    """Modules named like torch's, so that pickle writes their names."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in STORAGES.values():
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*_):
        raise AssertionError("only written, never called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    torch._utils = utils
    return {"torch": torch, "torch._utils": utils}


MODULES = stand_ins()


class Storage:
    def __init__(self, dtype, key, count):
        self.type, self.key, self.count = getattr(MODULES["torch"], STORAGES[dtype]), key, count


class View:
    """A tensor over a storage; every number is written as it is given."""

    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, tuple(shape), tuple(strides), False, OrderedDict())

    def __reduce__(self):
        return MODULES["torch._utils"]._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        if isinstance(item, Storage):
            return ("storage", item.type, item.key, "cpu", item.count)
        return None


def dumps(item):
    before = {name: sys.modules.get(name) for name in MODULES}
    sys.modules.update(MODULES)
    try:
        out = io.BytesIO()
        Pickler(out, protocol=2).dump(item)
        return out.getvalue()
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def contiguous(shape):
    strides, step = [], 1
    for extent in reversed(shape):
        strides.insert(0, step)
        step *= extent
    return strides


def state_dict(tensors):
    """(the dictionary to pickle, the storages by key) of tensors as in checkpoints.py, one storage each."""
    items, storages = OrderedDict(), {}
    for number, (name, item) in enumerate(tensors.items()):
        count = 1
        for extent in item.shape:
            count *= extent
        items[name] = View(Storage(item.dtype, str(number), count), 0, item.shape, contiguous(item.shape))
        storages[str(number)] = item.data
    return items, storages


def write_zip(path, pickled, storages, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
