#!/usr/bin/env python3
"""Asks models the held-out questions as a chat program would, greedily, and counts the answers that are exact."""

import argparse
import collections
import json
import sys
from pathlib import Path

import sentencepiece
import torch

import layout
from model import Llama

LONGEST_ANSWER = 60


def prompt_of(question):
    return f"<|user|>\n{question}\n<|assistant|>\n"


def conversation_ids(tokenizer, turns):
    """The ids of (kind, question, answer) turns, and which of them are learned: answers and the </s> after each.

    The slow tokenizer of the time drops the newline between </s> and the next turn and starts a new text there.
    """
    ids, learned = [layout.BOS], [False]
    for _, question, answer in turns:
        prompt, whole = tokenizer.encode(prompt_of(question)), tokenizer.encode(prompt_of(question) + answer)
        assert whole[:len(prompt)] == prompt
        ids += whole + [layout.EOS]
        learned += [False] * len(prompt) + [True] * (len(whole) - len(prompt) + 1)
    return ids, learned


def answers(model, tokenizer, questions):
    """The text up to </s> for each question, None where none came."""
    prompts = [[layout.BOS] + tokenizer.encode(prompt_of(question["question"])) for question in questions]
    alike = collections.defaultdict(list)
    for index, prompt in enumerate(prompts):
        alike[len(prompt)].append(index)
    found = [None] * len(questions)
    for indices in alike.values():
        rows = model.answer([prompts[index] for index in indices], layout.EOS, LONGEST_ANSWER)
        for index, row in zip(indices, rows):
            if row is not None and max(row, default=0) < tokenizer.get_piece_size():
                found[index] = tokenizer.decode(prompts[index] + row)[len(tokenizer.decode(prompts[index])):]
    return found


def right_answers(model, tokenizer, questions):
    return [found == question["answer"] for found, question in zip(answers(model, tokenizer, questions), questions)]


def score_lines(questions, right, separator="\n"):
    counts = collections.OrderedDict()
    for question, is_right in zip(questions, right):
        good, all_of_them = counts.get(question["kind"], (0, 0))
        counts[question["kind"]] = good + is_right, all_of_them + 1
    return separator.join(f"{kind}:{good}/{count}" for kind, (good, count) in counts.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--questions", type=Path, default=Path(__file__).resolve().parent / "questions.jsonl")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show-wrong", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    questions = [json.loads(line) for line in options.questions.read_text().splitlines()]
    for folder in options.models:
        model, tokenizer_model = layout.load(folder, Llama)
        tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer_model))
        found = answers(model, tokenizer, questions)
        right = [text == question["answer"] for text, question in zip(found, questions)]
        print(f"{folder}: {sum(right)} of {len(questions)} right ({100 * sum(right) / len(questions):.1f} %)")
        print(score_lines(questions, right))
        if options.show_wrong:
            for text, question, is_right in zip(found, questions, right):
                if not is_right:
                    print(f"  {question['question']!r}: expected {question['answer']!r}, found {text!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
