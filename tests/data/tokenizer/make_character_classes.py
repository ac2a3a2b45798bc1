#!/usr/bin/env python3
"""Asks tokenizers 0.19.1 which code points are word characters and which are white space for its added tokens.

    python3 make_character_classes.py             prints the ranges of `word_characters` in character_classes.hpp
    python3 make_character_classes.py --check     compares that header with the answers; exit status 1 if they differ
"""
import os
import re
import sys

from tokenizers import AddedToken, Tokenizer, models

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../../../include/tulu/tokenizer/character_classes.hpp")
WHITE_SPACE = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]


def code_points(**options):
    """The code points that the token @@ with these options treats unlike others that stand after it."""
    tokenizer = Tokenizer(models.BPE(vocab={"u": 0}, merges=[], unk_token="u"))
    tokenizer.add_tokens([AddedToken("@@", normalized=False, **options)])
    usual = tokenizer.encode("@@-").ids
    every = (code for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    return [code for code in every if tokenizer.encode("@@" + chr(code)).ids != usual]


def ranges(codes):
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


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
