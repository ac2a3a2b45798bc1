"""Prints the tokens per second of transformers on the processor, the best of some repetitions after one to warm up.

transformers_peer.py FOLDER f32|bf16 THREADS PROMPT DECODE DEPTH REPETITIONS        one of PROMPT and DECODE is 0
"""

import sys
import time

import torch
import transformers


def rate(model, prompt, decode, depth):
    vocabulary = model.config.vocab_size
    ids = torch.tensor([[i * 7919 % vocabulary for i in range(max(prompt, depth, 1))]])
    step = ids[:, :1]
    with torch.inference_mode():
        past = model(ids, use_cache=True).past_key_values if decode else None
        started = time.monotonic()
        if prompt:  # of the last token alone, the logits: as the others do
            model.lm_head(model.model(ids, use_cache=True).last_hidden_state[:, -1:])
        for _ in range(decode):
            past = model(step, past_key_values=past, use_cache=True).past_key_values
        return (prompt or decode) / (time.monotonic() - started)


def main():
    folder, weights, *numbers = sys.argv[1:]
    threads, prompt, decode, depth, repetitions = map(int, numbers)
    torch.set_num_threads(threads)
    kind = {"f32": torch.float32, "bf16": torch.bfloat16}[weights]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=kind).eval()
    if not depth:
        rate(model, prompt, min(decode, 1), depth)
    print(max(rate(model, prompt, decode, depth) for _ in range(repetitions)))


main()
