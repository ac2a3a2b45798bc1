"""llama.cpp through llama_cpp's bindings, run by an interpreter that has them.

PYTHON llama_cpp_oracle.py quantize F.gguf OUT.gguf FTYPE    llama-quantize, FTYPE as llama.h numbers it
PYTHON llama_cpp_oracle.py logits F.gguf OUT ID...           float32 logits of each position, little-endian
"""

import ctypes
import sys

sys.path.pop(0)  # this folder, whose modules have the names of libraries

import llama_cpp


def quantize(source, target, ftype):
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = int(ftype), 1
    assert llama_cpp.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)) == 0


def logits(path, out, *ids):
    model_params, params = llama_cpp.llama_model_default_params(), llama_cpp.llama_context_default_params()
    model_params.n_gpu_layers = 0
    params.n_ctx, params.type_k, params.type_v, params.flash_attn = 64, 0, 0, False
    model = llama_cpp.llama_model_load_from_file(path.encode(), model_params)
    assert model, path
    context = llama_cpp.llama_init_from_model(model, params)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(map(int, ids)):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    assert llama_cpp.llama_decode(context, batch) == 0
    width = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    with open(out, "wb") as file:
        for i in range(len(ids)):
            file.write(ctypes.string_at(llama_cpp.llama_get_logits_ith(context, i), 4 * width))


quiet = llama_cpp.llama_log_callback(lambda *_: None)
llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
llama_cpp.llama_backend_init()
{"quantize": quantize, "logits": logits}[sys.argv[1]](*sys.argv[2:])
