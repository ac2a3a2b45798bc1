"""A chart of bars as SVG."""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 960, 380
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 84, 28
MOST = 8
COLOURS = ("#1b6ca8", "#e08e0b", "#2f8f5b", "#8cc3a0", "#a4508b", "#d9a3c7")


def text(x, y, content, size=12, anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{escape(content)}</text>'


def bar(x, y, width, height, colour):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def line(y, colour, width):
    return f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="{width}"/>'


def legend(series):
    out, step = [], (WIDTH - LEFT - RIGHT) / max(1, len(series))
    for number, name in enumerate(series):
        x = LEFT + number * step
        out += [bar(x, 56, 11, 11, COLOURS[number % len(COLOURS)]), text(x + 16, 66, name)]
    return out


def bar_chart(titles, series, groups):
    """`groups`: name → {name of a series: value}. A thick line at 1; a bar beyond MOST is cut off."""
    highest = min(MOST, max([1, *(value for values in groups.values() for value in values.values())]) * 1.1)
    floor = HEIGHT - BOTTOM
    height_of = lambda value: min(value, highest) / highest * (floor - TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(LEFT, 24, titles[0], 17),
           text(LEFT, 43, titles[1], 10), *legend(series)]  # fmt: skip
    tick = 0.5 if highest < 4 else 1
    for number in range(int(highest / tick) + 1):
        y = floor - height_of(number * tick)
        out += [line(y, "#dddddd", 1), text(LEFT - 6, y + 4, f"{number * tick:g}×", 11, "end")]
    step = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    width = step * 0.86 / max(1, len(series))
    for at, (name, values) in enumerate(groups.items()):
        start = LEFT + at * step + step * 0.07
        for number, one in enumerate(series):
            if one in values:
                x, high = start + number * width, height_of(values[one])
                out.append(bar(x, floor - high, width * 0.9, high, COLOURS[number % len(COLOURS)]))
                out.append(text(x + width * 0.45, floor - high - 3, f"{values[one]:.2f}", 8, "middle"))
        out.append(text(start + step * 0.43, HEIGHT - 9, name, 13, "middle"))
    return "\n".join([*out, line(floor - height_of(1), "#222222", 1.5), "</svg>"]) + "\n"
