#!/usr/bin/env python3
"""Writes goldens.txt beside this script: what the processors and warpers of transformers 4.40.2 make of given logits.

Runs them in float64 on logits that are float32 values, in the order of transformers' generate. A case is refused when
rounding could change what is kept: two candidates of equal rank, or a cumulative probability near the limit.

Each case is one line: NAME, then `option=value`s, `history=`, `bias=id:value,...`, `logits=` and `kept=id:probability,...`
for the tokens that may be drawn.
"""

from pathlib import Path

import torch
import transformers
from transformers.generation import logits_process as lp

VERSION = "4.40.2"
VOCABULARY = 64
CASES = [
    ("temperature", dict(temperature=0.7)),
    ("temperature-hot", dict(temperature=1.9)),
    ("temperature-cold", dict(temperature=0.05)),
    ("top-k", dict(top_k=5)),
    ("top-k-1", dict(top_k=1)),
    ("top-k-all", dict(top_k=500)),
    ("top-p", dict(top_p=0.9)),
    ("top-p-tiny", dict(top_p=0.01)),
    ("top-p-wide", dict(top_p=0.999)),
    ("typical", dict(typical_p=0.9)),
    ("typical-low", dict(typical_p=0.2)),
    ("typical-wide", dict(typical_p=0.995)),
    ("repetition", dict(repetition_penalty=1.3)),
    ("repetition-reward", dict(repetition_penalty=0.8)),
    ("bias", dict(bias=True)),
    ("bias-repetition", dict(bias=True, repetition_penalty=1.2)),
    ("temperature-top-k-top-p", dict(temperature=0.8, top_k=20, top_p=0.8)),
    ("top-p-typical", dict(top_p=0.95, typical_p=0.7)),
    ("everything", dict(bias=True, repetition_penalty=1.1, temperature=1.4, top_k=40, top_p=0.9, typical_p=0.8)),
]


def near_limit(scores, warper):
    """Whether the cut of top-p or typical lies within rounding of another one."""
    live = scores[torch.isfinite(scores)]
    log_p = torch.log_softmax(live, -1)
    p = log_p.exp()
    if isinstance(warper, lp.TopPLogitsWarper):
        key, limit = -log_p, warper.top_p
    elif isinstance(warper, lp.TypicalLogitsWarper):
        key, limit = (-log_p + (p * log_p).sum()).abs(), warper.mass
    else:
        return False
    key, order = key.sort()
    cumulative = p[order].cumsum(-1)
    return bool(((cumulative - limit).abs() < 1e-5).any() or (key.diff() < 1e-6).any())


def run(options, logits, history, bias):
    scores = logits.double()[None]
    steps = []
    if options.get("bias"):
        steps.append(lp.SequenceBiasLogitsProcessor({(i,): b for i, b in bias}))
    for name, make in (
        ("repetition_penalty", lp.RepetitionPenaltyLogitsProcessor),
        ("temperature", lp.TemperatureLogitsWarper),
        ("top_k", lp.TopKLogitsWarper),
        ("top_p", lp.TopPLogitsWarper),
        ("typical_p", lambda mass: lp.TypicalLogitsWarper(mass=mass)),
    ):
        if name in options:
            # The library keeps options as float32.
            value = options[name]
            steps.append(make(value if isinstance(value, int) else float(torch.tensor(value))))
    for step in steps:
        if near_limit(scores[0], step):
            return None
        scores = step(torch.tensor([history]), scores)
    return torch.softmax(scores[0], -1)


def main():
    assert transformers.__version__ == VERSION, transformers.__version__
    torch.manual_seed(20240501)
    lines = [f"# transformers {VERSION}, written by make_goldens.py"]
    for name, options in CASES:
        for spread in (1.0, 3.0):
            probabilities = None
            while probabilities is None:
                logits = (torch.randn(VOCABULARY) * spread * 1000).round() / 1000
                history = torch.randint(0, VOCABULARY, (12,)).tolist()
                history += history[:4]
                bias = [(int(i), float(b)) for i, b in zip(torch.randperm(VOCABULARY)[:4], (2.5, -3.0, 0.5, -100.0))]
                probabilities = run(options, logits, history, bias)
            fields = [f"{name}/{spread:g}"]
            fields += [f"{key}={value}" for key, value in options.items() if key != "bias"]
            fields.append("history=" + ",".join(map(str, history)))
            if options.get("bias"):
                fields.append("bias=" + ",".join(f"{i}:{b:g}" for i, b in bias))
            fields.append("logits=" + ",".join(f"{x:.4g}" if abs(x) < 10 else f"{x:.5g}" for x in logits.tolist()))
            kept = [(i, p) for i, p in enumerate(probabilities.tolist()) if p > 0]
            fields.append("kept=" + ",".join(f"{i}:{p:.6g}" for i, p in kept))
            lines.append(" ".join(fields))
    (Path(__file__).parent / "goldens.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
