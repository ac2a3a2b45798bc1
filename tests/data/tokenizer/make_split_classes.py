#!/usr/bin/env python3
"""Asks tokenizers 0.19.1 which code points its regular expressions (Oniguruma) take for letters, numbers and white
space, and which ones its pre-tokenizer Digits takes for digits.

    python3 make_split_classes.py             prints the tables of split_ranges.hpp
    python3 make_split_classes.py --check     compares that header with the answers; exit status 1 if they differ
"""
import os
import re
import sys

from code_ranges import EVERY, WHITE_SPACE, ranges
from tokenizers import Regex
from tokenizers.pre_tokenizers import Digits, Split

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../include/tulu/tokenizer/split_ranges.hpp")


def matching(pattern):
    split = Split(Regex(pattern), "removed")
    return [code for code in EVERY if not split.pre_tokenize_str(chr(code))]


def main():
    digits = Digits(individual_digits=True)
    letters, numbers = matching(r"\p{L}"), matching(r"\p{N}")
    extra = sorted({code for code in EVERY if len(digits.pre_tokenize_str("a" + chr(code))) == 2} - set(numbers))
    tables = {"letter_ranges": ranges(letters), "number_ranges": ranges(numbers), "later_number_ranges": ranges(extra)}
    if sys.argv[1:] != ["--check"]:
        for name, table in tables.items():
            print(f"inline constexpr std::array<character_range, {len(table)}> {name}{{{{")
            print(", ".join(f"{{{first:#x}, {last:#x}}}" for first, last in table) + "}};")
        return 0
    with open(HEADER, encoding="utf-8") as file:
        header = file.read()
    right = matching(r"\s") == WHITE_SPACE and matching(r"[^\s\p{L}\p{N}]") == sorted(
        set(EVERY) - set(letters) - set(numbers) - set(WHITE_SPACE))
    print("white space and the rest:", "those of Unicode" if right else "not those of Unicode")
    for name, table in tables.items():
        text = re.search(rf"\b{name}\b(.*?);", header, re.S).group(1)
        known = [[int(first, 16), int(last, 16)] for first, last in re.findall(r"\{(0x[0-9a-f]+), (0x[0-9a-f]+)\}", text)]
        print(f"{name}: {len(table)} ranges,", "as in the header" if known == table else "not those of the header")
        right = right and known == table
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
