"""What the generators of tables of code points share."""

EVERY = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
WHITE_SPACE = [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]


def ranges(codes):
    """[first, last] of every run of neighbours."""
    found = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found
