#!/usr/bin/env python3
"""Writes the conversations and what the originals make of them, which the tests of chat/ and of encode_prompt compare with.

    make_goldens.py PYTHON_430 PYTHON_440 TOKENIZER_MODEL

PYTHON_430 has transformers 4.30.2 and sentencepiece, PYTHON_440 transformers 4.40.2, sentencepiece and jinja2;
TOKENIZER_MODEL is LLaMA's. Written next to this script, one file for each format:
  tulu.txt, alpaca.txt, vicuna.txt   text, and the ids of LlamaTokenizer (slow) of 4.30.2 with the special tokens that the
                                     training script adds, as plain strings
  llama2.txt                         apply_chat_template of LlamaTokenizer (slow) of 4.40.2 with its default template
  the others                         text: the templates of tokenizer_config.json of Meta-Llama-3-8B-Instruct (llama3),
                                     Llama-3.1-8B-Instruct (llama31), OpenHermes-2.5-Mistral-7B (chatml), SmolLM2-135M-
                                     Instruct (smollm2, from the metadata of its GGUF file), zephyr-7b-beta, tulu-2-7b
                                     (the same in tulu-v2.5) and Llama-3.1-Tulu-3-8B (tulu3), rendered by 4.40.2
jinja/ has these templates, which the tests recognise by what they contain.
The formats of the first three follow open-instruct's finetune.py (of June 2023), stanford_alpaca's train.py (PROMPT_DICT,
source + output + EOS) and FastChat's vicuna_v1.1 (ADD_COLON_TWO).

A file is lines of a word and values: `origin`; `case G`, where G says whether the prompt for an answer is added;
`message ROLE CONTENT` of the case; `text T`, `ids …` its answer. CONTENT and T are in hex, `-` for nothing.
"""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

CONTENTS = {
    "plain": ("Hi!", "Hello. How can I help?", "What is 12 + 34?", "12 + 34 = 46", "Thanks"),
    "odd whitespace": ("  Hi \n\n there\t\n", "\n\nHello  \n", "\u00a0\u3000two  blanks\r\n", " \t46 \u2028", "\x1cThanks\x85 \v\f"),
    "other languages": ("¿Qué hora es en São Paulo?", "こんにちは、世界。🦙", "Wie heißt „Straße“ auf 中文?", "नमस्ते दुनिया 👩‍👩‍👧", "Ещё раз, е\u0301"),
    "code": ("def f(x):\n    return x\n\n\nWhat does `f` do?", "```python\n\tf(1)  # 1\n```", "x = [[INST], <<SYS>>]", "<|user|>\n1</S>", "### Instruction:\nGo"),
    "nothing": ("", "", " ", "\n", ""),
    "marks": ("▁a▁ b", "\ufeffx\u200b", "ﬁ ① \ufffd", "< /s> <s", "\0a\x7f"),
}  # fmt: skip
SYSTEM = ("You are kind.", "  Be brief.\n\nDo not shout.  ", "Sé amable ☀️", "")


def conversations():
    """(messages, whether an answer is asked for), roles in turn after at most one system message."""
    for name, contents in CONTENTS.items():
        for count in (1, 2, 3, 4, 5) if name in ("plain", "odd whitespace") else (1, 3, 4):
            turns = [{"role": ("user", "assistant")[i % 2], "content": contents[i]} for i in range(count)]
            yield turns, count % 2 == 1
            if count in (1, 4):
                for system in SYSTEM if name == "plain" else SYSTEM[1:3]:
                    yield [{"role": "system", "content": system}, *turns], count % 2 == 1
    yield [{"role": "user", "content": "No prompt for an answer"}], False
    yield [{"role": "user", "content": "And"}, {"role": "assistant", "content": "another answer"}], True
    yield [{"role": "user", "content": "Add the numbers.\n\n### Input:\n3 and 4"}], True


def other_orders():
    """Conversations that only some formats know."""
    yield [{"role": role, "content": content} for role, content in (("user", "one"), ("user", "two"), ("assistant", "three"))], True
    yield [{"role": role, "content": content} for role, content in (("user", "Hi"), ("assistant", "Ho"), ("system", "Be brief."), ("user", "Bye"))], True
    yield [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "You do."}], True
    yield [{"role": "system", "content": "Alone"}], True


def tulu(messages, asked, eos):
    text = ""
    for message in messages:
        text += f"<|{message['role']}|>\n{message['content'].strip()}{eos if message['role'] == 'assistant' else ''}\n"
    return text + "<|assistant|>\n" * asked


def alpaca(messages, asked, eos):
    """Single turns are the original's; after them, whatever follows stands after an empty line."""
    without = "Below is an instruction that describes a task. Write a response that appropriately completes the request."
    with_input = (
        "Below is an instruction that describes a task, paired with an input that provides further context. "
        "Write a response that appropriately completes the request."
    )
    parts = []
    if messages[0]["role"] != "system":
        parts.append(with_input if "\n\n### Input:\n" in messages[0]["content"] else without)
    for message in messages:
        form = {"system": "{}", "user": "### Instruction:\n{}", "assistant": "### Response:{}" + eos}[message["role"]]
        parts.append(form.format(message["content"]))
    return "\n\n".join(parts + ["### Response:"] * asked)


def vicuna(messages, asked, eos):
    system = (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions."
    )
    turns = list(messages)
    if turns and turns[0]["role"] == "system":
        system = turns.pop(0)["content"]
    text = system + " "
    for turn in turns + [{"role": "assistant", "content": ""}] * asked:
        role = {"user": "USER", "assistant": "ASSISTANT"}[turn["role"]]
        ends = {"user": " ", "assistant": eos}[turn["role"]]
        text += f"{role}: {turn['content']}{ends}" if turn["content"] else f"{role}:"
    return text


LEGACY = """
import json, sys
import transformers
assert transformers.__version__ == "4.30.2", transformers.__version__
tokenizer = transformers.LlamaTokenizer(sys.argv[1])
tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": sys.argv[2]})
json.dump([tokenizer(text).input_ids for text in json.load(sys.stdin)], sys.stdout)
"""
CHAT = """
import json, sys
import transformers
assert transformers.__version__ == "4.40.2", transformers.__version__
tokenizer = transformers.LlamaTokenizer(sys.argv[1])
what = json.load(sys.stdin)
tokenizer.bos_token = what["bos"]
answers = []
for messages, asked in what["conversations"]:
    make = lambda tokenize: tokenizer.apply_chat_template(messages, chat_template=what["template"], add_generation_prompt=asked, tokenize=tokenize)
    answers.append([make(False), make(True) if what["template"] is None else None])
json.dump(answers, sys.stdout)
"""
SMOLLM2 = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
TEMPLATES = {
    "llama2": ("<s>", None),
    "llama31": ("<|begin_of_text|>", (HERE / "jinja/llama31.jinja").read_text()),
    "smollm2": (
        "<|im_start|>",
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
        + SMOLLM2
        + "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    ),
    "tulu2": (
        "<s>",
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    ),
    "tulu3": (
        "<|begin_of_text|>",
        "{% for message in messages %}{% if message['role'] == 'system' %}{{ '<|system|>\n' + message['content'] + '\n' }}"
        "{% elif message['role'] == 'user' %}{{ '<|user|>\n' + message['content'] + '\n' }}{% elif message['role'] == 'assistant' %}"
        "{% if not loop.last %}{{ '<|assistant|>\n'  + message['content'] + eos_token + '\n' }}{% else %}"
        "{{ '<|assistant|>\n'  + message['content'] + eos_token }}{% endif %}{% endif %}"
        "{% if loop.last and add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}{% endfor %}",
    ),
    "llama3": (
        "<|begin_of_text|>",
        "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] "
        "+ '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
        "{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    ),
    "chatml": (
        "<s>",
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    ),
    "zephyr": (
        "<s>",
        "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n"
        "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n"
        "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    ),
}


def ask(python, code, given, *arguments):
    done = subprocess.run([python, "-c", code, *arguments], input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def in_hex(text):
    return text.encode("utf-8").hex() or "-"


def write(name, origin, cases):
    lines = [f"origin {origin}"]
    for (messages, asked), text, ids in cases:
        lines.append(f"case {int(asked)}")
        lines += [f"message {message['role']} {in_hex(message['content'])}" for message in messages]
        lines.append(f"text {in_hex(text)}")
        if ids is not None:
            lines.append(" ".join(map(str, ["ids", *ids])))
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")


def main():
    python_430, python_440, model = sys.argv[1:]
    regular = list(conversations())
    every = regular + list(other_orders())
    for form, origin, pad, cases in (
        (tulu, "open-instruct's finetune.py", "<pad>", every),
        (alpaca, "stanford_alpaca's train.py", "[PAD]", every),
        (vicuna, "FastChat's vicuna_v1.1", "<pad>", [case for case in every if all(m["role"] != "system" for m in case[0][1:])]),
    ):
        texts = [form(messages, asked, "</s>") for messages, asked in cases]
        ids = ask(python_430, LEGACY, texts, model, pad)
        write(form.__name__, f"{origin}; ids by transformers 4.30.2, slow LlamaTokenizer", zip(cases, texts, ids))
    (HERE / "jinja").mkdir(exist_ok=True)
    for name, (bos, template) in TEMPLATES.items():
        if template is not None:
            (HERE / f"jinja/{name}.jinja").write_text(template)
        cases = [case for case in every if all(m["role"] != "system" for m in case[0])] if name == "tulu2" else every
        if name == "llama2":
            cases = regular
        answers = ask(python_440, CHAT, {"bos": bos, "template": template, "conversations": cases}, model)
        write(name, "transformers 4.40.2, apply_chat_template", [(case, *answer) for case, answer in zip(cases, answers)])


if __name__ == "__main__":
    main()
