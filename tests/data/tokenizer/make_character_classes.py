#!/usr/bin/env python3
"""Asks tokenizers 0.19.1 which code points are word characters and which are white space for its added tokens.

    python3 make_character_classes.py             prints the ranges of `word_characters` in character_classes.hpp
    python3 make_character_classes.py --check     compares that header with the answers; exit status 1 if they differ
"""
import os
import re
import sys

from code_ranges import EVERY, WHITE_SPACE, ranges
from tokenizers import AddedToken, Tokenizer, models

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../../../include/tulu/tokenizer/character_classes.hpp")


def code_points(**options):
    """The code points that the token @@ with these options treats unlike others that stand after it."""
    tokenizer = Tokenizer(models.BPE(vocab={"u": 0}, merges=[], unk_token="u"))
    tokenizer.add_tokens([AddedToken("@@", normalized=False, **options)])
    usual = tokenizer.encode("@@-").ids
    return [code for code in EVERY if tokenizer.encode("@@" + chr(code)).ids != usual]


def main():
    words = ranges(code_points(single_word=True))
    if sys.argv[1:] != ["--check"]:
        print(", ".join(f"{{{first:#x}, {last:#x}}}" for first, last in words))
        return 0
    with open(HEADER, encoding="utf-8") as file:
        known = re.findall(r"\{(0x[0-9a-f]+), (0x[0-9a-f]+)\}", file.read())
    same = [[int(first, 16), int(last, 16)] for first, last in known] == words
    print(f"{len(words)} ranges of word characters:", "as in the header" if same else "not those of the header")
    blanks = code_points(rstrip=True) == WHITE_SPACE
    print("white space:", "that of Unicode" if blanks else "not that of Unicode")
    return 0 if same and blanks else 1


if __name__ == "__main__":
    sys.exit(main())
