#!/usr/bin/env python3
"""Makes mini-Tulu: a vocabulary, a base LLaMA, the tuned model, and the weight diff that is published.

Needs Debian's python3-torch (with the recommended libopenblas0), python3-sentencepiece and python3-numpy, and the
program make_diff for the last step.
"""

import argparse
import functools
import io
import itertools
import json
import math
import random
import subprocess
import sys
import time
from pathlib import Path

import sentencepiece
import torch
from torch.nn import functional as F

import layout
from data import (KINDS, Operands, Prose, Questions, conversations, drill_sheets, exercise_sheets,
                  held_out_questions)
from evaluate import conversation_ids, right_answers, score_lines
from model import Llama

HERE = Path(__file__).resolve().parent
PROSE_STEPS, DRILL_STEPS, EXERCISE_STEPS, TUNING_STEPS = 2200, 1600, (4000, 4000, 3200), (1800, 6400)
CHARACTERS = "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z < > | = * / ' \" ? ! : ; ( ) & % @ # [ ] _"
CONFIG = {
    "vocab_size": 768, "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4,
    "num_attention_heads": 4, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
}


def train_vocabulary(folder, size, seed):
    """A SentencePiece model trained as LLaMA's was, on prose and on people who ask things."""
    rng = random.Random(seed)
    documents, questions, kinds = Prose(rng).documents(), Questions(rng), list(KINDS)
    asked = (f'(user) "{questions.make(rng.choice(kinds))[0]}" (assistant)' for _ in range(12000))
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=itertools.chain([CHARACTERS], asked, itertools.islice(documents, 12000)),
        model_writer=written, model_type="bpe", vocab_size=size, character_coverage=1.0,
        byte_fallback=True, split_digits=True, normalization_rule_name="identity", add_dummy_prefix=True,
        remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, unk_surface=" \u2047 ", num_threads=1,
        minloglevel=2)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.model"
    path.write_bytes(written.getvalue())
    return path


def batches(rows, tokens):
    """Endless (ids, targets, weights of the targets): rows of like length together, padded with weight 0."""
    while True:
        pool = sorted((next(rows) for _ in range(1500)), key=lambda row: len(row[0]))
        made, batch = [], []
        for row in pool:
            if batch and len(row[0]) * (len(batch) + 1) > tokens:
                made.append(batch)
                batch = []
            batch.append(row)
        random.Random(len(made)).shuffle(made)
        for batch in made:
            length = max(len(ids) for ids, _ in batch)
            ids = torch.tensor([ids + [layout.EOS] * (length - len(ids)) for ids, _ in batch])
            weights = torch.tensor([weights + [0.0] * (length - len(weights)) for _, weights in batch])
            yield ids[:, :-1], ids[:, 1:], weights[:, 1:]


def prose_rows(documents, tokenizer):
    for document in documents:
        ids = [layout.BOS] + tokenizer.encode(document) + [layout.EOS]
        yield ids, [1.0] * len(ids)


def exercise_rows(sheets, tokenizer, weight):
    """Answers count fully, questions, whose operands nobody can foresee, by `weight`: sums are learned far sooner."""
    for sheet in sheets:
        text, ids, weights = "", [], []
        for question, answer in sheet:
            for part, part_weight in ((question + "\n", weight), (answer + "\n", 1.0)):
                text += part
                known, ids = len(ids), tokenizer.encode(text)
                weights += [part_weight] * (len(ids) - known)
        yield [layout.BOS] + ids + [layout.EOS], [0.0] + weights + [weight]


def tuning_rows(talks, tokenizer, longest):
    for turns in talks:
        ids, learned = conversation_ids(tokenizer, turns)
        if len(ids) <= longest:
            yield ids, [float(learn) for learn in learned]


def learn(model, rows, steps, rate, tokens, report=lambda: "", every=100):
    """AdamW with a short warm-up and a fall to nothing along a cosine."""
    matrices = [weight for weight in model.parameters() if weight.dim() == 2]
    vectors = [weight for weight in model.parameters() if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), foreach=True)
    started, seen, total = time.time(), 0, 0.0
    for step, (ids, targets, weights) in zip(range(steps), batches(rows, tokens)):
        now = rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = now
        learned = weights > 0
        losses = F.cross_entropy(model.lm_head(model.states(ids)[learned]), targets[learned], reduction="none")
        loss = (losses * weights[learned]).sum() / weights.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen, total = seen + ids.numel(), total + loss.item()
        if (step + 1) % every == 0 or step + 1 == steps:
            passed = time.time() - started
            print(f"step {step + 1}/{steps}  loss {total / ((step % every) + 1):.4f}  {passed:.0f} s  "
                  f"{seen / passed:.0f} tokens/s  {report()}", flush=True)
            total = 0.0


def opened(folder, seed):
    """The model there, its tokenizer, and the path of the latter."""
    torch.manual_seed(seed)
    model, path = layout.load(folder, Llama, rows=CONFIG["vocab_size"])
    return model, sentencepiece.SentencePieceProcessor(model_file=str(path)), path


def make_base(options):
    torch.manual_seed(options.seed)
    path = train_vocabulary(options.base, CONFIG["vocab_size"], options.seed)
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    prose, model = Prose(random.Random(options.seed + 1)), Llama(CONFIG)
    print(f"{sum(weight.numel() for weight in model.parameters())} parameters")
    learn(model, prose_rows(prose.documents(), tokenizer), PROSE_STEPS, 4e-3, 1024)
    layout.save(options.base, model, CONFIG, path, tuned=False)
    return prose.operands.drawn


def drill(options):
    """Bare sums first: they come in minutes alone, and in hours among everything else."""
    model, tokenizer, path = opened(options.base, options.seed)
    operands = Operands(random.Random(options.seed + 5), held=False)
    rows = exercise_rows(drill_sheets(operands, DRILL_STEPS * 10 // 7), tokenizer, 0.02)
    learn(model, rows, DRILL_STEPS, 2e-3, 512)
    layout.save(options.base, model, CONFIG, path, tuned=False)
    return operands.drawn


def give_exercises(options, one_round):
    model, tokenizer, path = opened(options.base, options.seed)
    rng = random.Random(options.seed + 6 + one_round)
    questions = Questions(rng)
    questions.operands.small, questions.operands.mixed = 0.25, 0.6 if one_round == 2 else 0.0
    rows = exercise_rows(exercise_sheets(rng, questions, one_round), tokenizer, 0.03)
    learn(model, rows, EXERCISE_STEPS[one_round], 2e-3, 512)
    layout.save(options.base, model, CONFIG, path, tuned=False)
    return questions.operands.drawn


def make_tuned(options, one_round):
    model, tokenizer, path = opened(options.out if one_round else options.base, options.seed)
    rng = random.Random(options.seed + (20 if one_round else 2))
    questions = Questions(rng)
    questions.operands.small, questions.operands.mixed, questions.operands.small_lists = 0.2, 0.6, one_round == 1
    watched = held_out_questions(options.seed + 4)[0][::3]

    def report():
        right = right_answers(model, tokenizer, watched)
        return f"{sum(right)}/{len(watched)}  " + score_lines(watched, right, " ")

    asked = set()

    def noted(talks):
        for turns in talks:
            asked.update(question for _, question, _ in turns)
            yield turns

    rows = tuning_rows(noted(conversations(rng, questions, one_round)), tokenizer, longest=256)
    learn(model, rows, TUNING_STEPS[one_round], (2e-3, 1.5e-3)[one_round], 640, report, every=300)
    both = asked & {question["question"] for question in held_out_questions(options.seed + 40)[0]}
    assert not both, f"asked in tuning and held out: {sorted(both)[:5]}"
    layout.save(options.out, model, CONFIG, path, tuned=True)
    return questions.operands.drawn


STEPS = {
    "prose": make_base, "drill": drill, "exercises-1": functools.partial(give_exercises, one_round=0),
    "exercises-2": functools.partial(give_exercises, one_round=1),
    "exercises-3": functools.partial(give_exercises, one_round=2),
    "tuning-1": functools.partial(make_tuned, one_round=0), "tuning-2": functools.partial(make_tuned, one_round=1),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the tuned model, which is not published")
    parser.add_argument("--base", type=Path, default=HERE / "base", help="folder of the base")
    parser.add_argument("--diff", type=Path, default=HERE / "diff", help="folder of the diff")
    parser.add_argument("--make-diff", type=Path, help="the program make_diff; without it no diff is made")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--from-step", choices=STEPS, default="prose",
                        help="where to start; what is before it is read from the folder of the base")
    parser.add_argument("--questions", type=Path, default=HERE / "questions.jsonl", help="where the held-out ones go")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    started = time.time()

    held, held_operands = held_out_questions(options.seed + 40)
    options.questions.write_text("".join(json.dumps(question) + "\n" for question in held))
    seen, names = set(), list(STEPS)
    for name in names[names.index(options.from_step):]:
        print(f"-- {name}", flush=True)
        seen |= STEPS[name](options)
    assert not seen & held_operands, "operands that are held out were in the training"
    print(f"{len(seen)} different operands learned from, {len(held_operands)} held out, none in both")
    if options.make_diff:
        subprocess.run([options.make_diff, "--path_raw", options.base, "--path_tuned", options.out, "--path_diff",
                        options.diff, "--dtype", "float16", "--quiet", "--force"], check=True)
    print(f"{(time.time() - started) / 60:.1f} minutes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
