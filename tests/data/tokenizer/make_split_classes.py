#!/usr/bin/env python3
"""Asks tokenizers 0.19.1 which code points its regular expressions (Oniguruma) take for letters, numbers and white
space, and which ones its pre-tokenizer Digits takes for digits.

    python3 make_split_classes.py             prints the tables of split_ranges.hpp
    python3 make_split_classes.py --check     compares that header with the answers; exit status 1 if they differ
"""
import os
import re
import sys

from tokenizers import Regex
from tokenizers.pre_tokenizers import Digits, Split

HEADER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../include/tulu/tokenizer/split_ranges.hpp")
WHITE_SPACE = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
EVERY = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


def matching(pattern):
    split = Split(Regex(pattern), "removed")
    return [code for code in EVERY if not split.pre_tokenize_str(chr(code))]


def ranges(codes):
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


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
