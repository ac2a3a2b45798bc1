"""Texts for the tests and benchmarks of the tokenizer, made here: seeded, and nothing is fetched.

languages.txt has article 1 of the Universal Declaration of Human Rights in many languages, the most frequent Chinese
characters and some kanji; sentences() mixes their words. Longer texts come from files that Debian systems with Python
have: the standard library's own .py files are the code, its documentation and the licences of common-licenses the
English prose, and the message catalogues below /usr/share/locale the other languages. Where such a file is missing,
mixed words take its place. The same files and the same seed give the same texts.
"""

import ast
import functools
import random
import re
import struct
import sysconfig
from pathlib import Path

SPACES = [chr(c) for c in (*range(9, 14), *range(0x1C, 0x21), 0x85, 0xA0, 0x1680, 0x180E, *range(0x2000, 0x200E), 0x2028,
                           0x2029, 0x202F, 0x205F, 0x2060, 0x2581, 0x3000, 0xFEFF)]  # fmt: skip
SPECIALS = ["<s>", "</s>", "<unk>", "<pad>", "<|user|>", "<|assistant|>", "<|system|>", "<0x0A>", "<0xE2>", "[PAD]",
            "[INST]", "<<SYS>>", "<S>", "< s>", "</ s>", "<s", "</s></s>", "<s><unk></s>", "▁", "▁▁", "⁇"]  # fmt: skip
UNSPACED = {"zh", "zh-TW", "ja", "th", "my"}
ASCII_LANGUAGES = {"en", "id", "nl"}


def is_scalar(code):
    return not 0xD800 <= code < 0xE000


def scalar_lines(count=4096, between_letters=False):
    """Every Unicode scalar on a line of its own, or between two letters; `count` of them in a text."""
    form = "x{}y\n" if between_letters else "{}\n"
    for first in range(0, 0x110000, count):
        text = "".join(form.format(chr(c)) for c in range(first, first + count) if is_scalar(c))
        if text:
            yield text


@functools.cache
def languages():
    lines = (Path(__file__).parent / "languages.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


@functools.cache
def words_of(language):
    text = languages()[language]
    if language in UNSPACED or language in ("hanzi", "kanji"):
        return [text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)]
    return text.split()


def sentences(rng, language, size):
    """About `size` characters of words of `language` in any order."""
    words, parts, length = words_of(language), [], 0
    if language == "zh":  # the frequent ones more often, as in real text
        frequent = languages()["hanzi"]
        words = words + [frequent[int(len(frequent) * rng.random() ** 2)] for _ in range(600)]
    elif language == "ja":
        words = words + list(languages()["kanji"])
    blank = "" if language in UNSPACED else " "
    while length < size:
        word = rng.choice(words)
        end = rng.random()
        word += blank if end < 0.85 else "\n" if end < 0.9 else f"{rng.randrange(3000)}{blank}" if end < 0.95 else ", "
        parts.append(word)
        length += len(word)
    return "".join(parts)


@functools.cache
def code():
    """The standard library's sources, one text per file."""
    root = Path(sysconfig.get_paths()["stdlib"])
    texts = []
    for path in sorted(root.rglob("*.py")):
        if {"test", "tests", "site-packages", "dist-packages"} & set(path.parts):
            continue
        try:
            texts.append(path.read_bytes().decode("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
    return texts


@functools.cache
def prose():
    """English paragraphs, shuffled: the language reference, docstrings and licences."""
    root = Path(sysconfig.get_paths()["stdlib"])
    licences = sorted(Path("/usr/share/common-licenses").glob("*"))
    texts = [path.read_text(encoding="utf-8", errors="ignore") for path in licences]
    topics = root / "pydoc_data" / "topics.py"
    if topics.exists():
        texts.extend(ast.literal_eval(ast.parse(topics.read_text(encoding="utf-8")).body[0].value).values())
    for text in code():
        texts.extend(re.findall(r'"""(.{200,}?)"""', text, re.DOTALL))
    paragraphs = [part + "\n\n" for text in texts for part in re.split(r"\n\s*\n", text) if part.count(" ") > 20]
    random.Random(1).shuffle(paragraphs)
    return paragraphs or [sentences(random.Random(1), "en", 100_000)]


def catalogue(path):
    """The translations of a .mo file; none when it cannot be read as one."""
    try:
        data = path.read_bytes()
        magic, _, count, _, table = struct.unpack_from("<5I", data)
        if magic != 0x950412DE:
            return []
        entries = struct.iter_unpack("<2I", data[table : table + 8 * count])
        return [data[at : at + size].decode("utf-8") for size, at in entries][1:]
    except (OSError, struct.error, UnicodeDecodeError):
        return []


@functools.cache
def messages(language, limit=2_000_000):
    """Translated messages, shuffled, of which most letters are the language's own; none if that is little."""
    names = {"zh": "zh_CN", "zh-TW": "zh_TW"}
    found, size = [], 0
    for path in sorted(Path("/usr/share/locale", names.get(language, language), "LC_MESSAGES").glob("*.mo")):
        for text in catalogue(path):
            text = text.replace("\0", "\n")
            foreign = len(text) - len(text.encode("ascii", "ignore"))
            if len(text) > 20 and (language in ASCII_LANGUAGES or foreign > len(text) * 0.05):
                if language not in UNSPACED | {"ko", "ru", "ar", "hi", "el", "he"} or foreign > len(text) * 0.5:
                    found.append(text + "\n")
                    size += len(text)
        if size > limit:
            break
    random.Random(1).shuffle(found)
    return found if size > 20_000 else []


def gather(rng, texts, size):
    """About `size` characters of consecutive `texts`, from a random place on, round and round."""
    at, parts, length = rng.randrange(len(texts)), [], 0
    while length < size:
        part = texts[at % len(texts)]
        if length + len(part) > size and size < 10_000:
            first = rng.randrange(max(1, len(part) - (size - length)))
            part = part[first : first + size - length]
        parts.append(part)
        length += len(part)
        at += 1
    return "".join(parts)[:size]


def english(rng, size):
    return gather(rng, prose(), size)


def source_code(rng, size):
    return gather(rng, code(), size) if code() else sentences(rng, "en", size)


def foreign(rng, size, language=None):
    language = language or rng.choice(sorted(languages().keys() - {"hanzi", "kanji"}))
    if rng.random() < 0.7 and messages(language):
        return gather(rng, messages(language), size)
    return sentences(rng, language, size)[:size]


def asian(rng, size):
    """Chinese, Japanese and Korean, a kilobyte or so of each in turn."""
    parts, length = [], 0
    while length < size:
        language = rng.choice(["zh", "ja", "ko"])
        parts.append(gather(rng, messages(language) or [sentences(rng, language, 1000)], rng.randrange(300, 1200)))
        length += len(parts[-1])
    return "".join(parts)[:size]


def emoji(rng, size):
    """Faces, joined families, skin tones, flags, keycaps, variation selectors."""
    people, joined = "👩👨🧑👧👦", ["💻", "🚀", "❤️‍🔥", "🎨", "⚕️"]
    flags = [chr(0x1F1E6 + i) for i in range(26)]
    parts = []
    while sum(map(len, parts)) < min(size, 5000):
        parts.append(rng.choice([
            chr(rng.randrange(0x1F300, 0x1F650)),
            rng.choice(people) + chr(rng.randrange(0x1F3FB, 0x1F400)) + "\u200d" + rng.choice(joined),
            "\u200d".join(rng.choices(people, k=rng.randrange(2, 5))),
            "".join(rng.choices(flags, k=2)), rng.choice("0123456789#*") + "\ufe0f\u20e3", "❤\ufe0f", " ", "ok",
        ]))  # fmt: skip
    return "".join(parts)


def combining(rng, size):
    """Letters under heaps of marks."""
    parts = []
    while sum(map(len, parts)) < min(size, 5000):
        marks = "".join(chr(rng.randrange(0x300, 0x370)) for _ in range(rng.randrange(12)))
        parts.append(rng.choice("abcdeioué가नα ") + marks)
    return "".join(parts)


def spaces(rng, size):
    parts, length = [], 0
    while length < size:
        run = rng.choice(SPACES if rng.random() < 0.4 else " \n\t") * min(size, rng.choice([1, 1, 2, 3, 7, 16, 40, 100]))
        parts.append(run + rng.choice(["", "a", "The", "é", "7", "中", "_", "\n"]))
        length += len(parts[-1])
    return "".join(parts)


def digits(rng, size):
    forms = [lambda: str(rng.randrange(10 ** rng.randrange(1, 30))), lambda: f"{rng.random() * 1e6:.6f}",
             lambda: hex(rng.getrandbits(64)), lambda: f"{rng.randrange(1, 13)}/{rng.randrange(1, 32)}/{rng.randrange(3000)}",
             lambda: "".join(rng.choices("٠١٢३४५๖๗８９½²", k=6)), lambda: f"{rng.randrange(10**9):,}"]  # fmt: skip
    return " ".join(rng.choice(forms)() for _ in range(max(1, size // 12)))[:size]


def scalars(rng, size):
    """Any Unicode scalars: mostly unassigned ones, or mostly of one plane."""
    limit = rng.choice([0x100, 0x800, 0x3000, 0x10000, 0x110000])
    drawn = (rng.randrange(limit) for _ in range(size))
    return "".join(chr(c) for c in drawn if is_scalar(c))


def ascii_noise(rng, size):
    return "".join(map(chr, rng.choices(range(128), k=size)))


def specials(rng, size):
    parts, length = [], 0
    while length < size:
        parts.append(rng.choice(SPECIALS))
        parts.append(rng.choice(["", "", " ", "  ", "\n", "\n\n", "\t", " \n ", "Hello", " x ", "é", "中文", "\u00a0", "\u3000"]))
        length += len(parts[-1]) + len(parts[-2])
    return "".join(parts)


def letters(rng, size):
    """One short thing over and over."""
    unit = rng.choice(["a", "e", "=", "-", " ", "\n", "ab", "abc", "▁", "0", "中", "é", "ha", "x ", " x", "\0", "\t"])
    return unit * (size // len(unit) + 1)


def chat(rng, size):
    parts, length = [], 0
    while length < size:
        answer = rng.choice([english, source_code, foreign])(rng, rng.randrange(1, 400))
        parts.append(f"<|user|>\n{english(rng, rng.randrange(1, 200))}\n<|assistant|>\n{answer}</s>" + rng.choice("\n "))
        length += len(parts[-1])
    return "".join(parts)


def mixed(rng, size):
    kinds = [english, source_code, foreign, foreign, asian, emoji, combining, spaces, digits, specials]
    parts, length = [], 0
    while length < size:
        parts.append(rng.choice(kinds)(rng, rng.randrange(1, 2000)))
        length += len(parts[-1])
    return "".join(parts)[:size]


KINDS = [english] * 5 + [source_code] * 5 + [foreign] * 6 + [asian] * 2 + [mixed] * 4 + [chat] * 2 + \
        [emoji, combining, spaces, digits, scalars, ascii_noise, specials, letters]  # fmt: skip


def broken(rng, text):
    """`text` as bytes that are not UTF-8 any more: bytes changed, dropped, put in, or nothing but random ones."""
    data = bytearray(text.encode("utf-8"))
    if rng.random() < 0.2:
        return rng.randbytes(len(data))
    strange = [b"\x00", b"\x80", b"\xc0\x80", b"\xe2\x96", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xf0\x9f", b"\xf4\x90\x80\x80",
               b"\xf8\x88\x80\x80\x80", b"\xff", b"\xfe", b"\xef\xbf\xbd", b"\xc3", b"\xe0\x80\xaf"]  # fmt: skip
    for _ in range(1 + len(data) // 50):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.randrange(3)] = rng.choice(strange) * rng.choice([1, 1, 1, 3])
    return bytes(data)


def stream(total, seed, valid=False):
    """Documents of 1 B to 100 kB of every kind, until they are `total` bytes; some broken unless they are to be valid."""
    rng, made = random.Random(seed), 0
    while made < total:
        size = min(int(10 ** rng.uniform(0, 5)), total - made)
        text = rng.choice(KINDS)(rng, max(1, size))
        data = text.encode("utf-8")
        while len(data) > 2 * size:  # most scripts take several bytes a character
            text = text[: len(text) // 2]
            data = text.encode("utf-8")
        if not valid and rng.random() < 0.1:
            data = broken(rng, text)
        made += max(1, len(data))
        yield data


def whitespace_runs():
    """Each whitespace character in runs of 1 to 100 between words; blanks and newlines at both ends too."""
    for space in SPACES:
        yield "".join(f"word{space * n}" for n in range(1, 101)) + "end"
        yield "".join(f"{space * n} {space}\n{space}" for n in range(1, 40))
    for n in (1, 2, 3, 4, 15, 16, 17, 31, 32, 33, 63, 64, 65, 99, 100):
        for space in " \n\t▁":
            yield space * n
            yield space * n + "a"
            yield "a" + space * n


def long_runs(size):
    """`size` characters of one thing."""
    for unit in ("a", "z", "ab", " ", "▁", "\n", "\u4e2d", "=", "\0", "</s>", "0", "a ", "ha"):
        yield unit * (size // len(unit))


def special_strings():
    """Special strings alone, doubled, at both ends, with whitespace of every kind around them."""
    for special in SPECIALS:
        yield from (special, special * 2, f"{special} {special}", f"a{special}", f"{special}a", f" {special} ")
        for space in SPACES:
            yield f"a{space}{special}{space}b"
            yield f"{space}{special}{space}{special}{space}"


def invalid_bytes():
    """Texts that are not UTF-8, and NULs."""
    yield from (b"\0", b"a\0b", b"\0" * 20, b"\xff", b"\xed\xa0\x80", b"a\xed\xb0\x80b", b"\xed\xa0\x80\xed\xb0\x80", b"\xe2\x96",
                b"\xe2\x96\x81\xe2", b" \xe2\x96 ", b"\xc0\x80", b"\xc0\xaf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80",
                b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xef\xbf\xbd", b"\xef\xbf\xbe", b"\xf0\x9f\xa6", b"\xa6\x99",
                b"abc\x80", b"\x80abc", b"\xe4\xb8\xad\xe4\xb8", b"\xc3(", b"<\xff/s>")  # fmt: skip
    for byte in range(128, 256):
        yield bytes([byte])
        yield b"x" + bytes([byte]) + b"y"
        yield bytes([byte]) * 3
    yield b"".join(b"%c%c " % (a, b) for a in range(0xC0, 0x100) for b in range(0x70, 0xD0))


def cut(text, size):
    """`text` in pieces of about `size` bytes that end where a character and, if there is one near, a line or word ends."""
    pieces, start, data = [], 0, text.encode("utf-8")
    while start < len(data):
        end = min(start + size, len(data))
        if end < len(data):
            near = max(data.rfind(b"\n", start + size // 2, end), data.rfind(b" ", start + size // 2, end))
            end = near + 1 if near > start else end
            while data[end] & 0xC0 == 0x80:
                end -= 1
        pieces.append(data[start:end].decode("utf-8"))
        start = end
    return pieces
