"""Tables and a plot of the figures."""

import json
import statistics
from typing import NamedTuple

from .plot import bar_chart

PEER = "llama.cpp"
NAMES = {"smollm2": "SmolLM2-135M"}
FORMATS = {"prefill": "{:.0f}", "decode": "{:.1f}", "depth": "{:.1f}", "depth-q8_0": "{:.1f}", "first-short": "{:.2f}",
           "first-long": "{:.2f}"}  # fmt: skip
PEAKS = {"f32": "f32_gflops", "f16": "f32_gflops", "bf16": "bf16_gflops"}  # which figure of `peaks` bounds the type
TILE_PEAKS = {"bf16": "amx_bf16_gflops"}
BEGIN, END = "<!-- written by benchmarks/compare.sh -->", "<!-- end of what benchmarks/compare.sh writes -->"


class Pair(NamedTuple):
    """Medians; a ratio above 1 is tulu's win."""

    ours: float
    theirs: float
    ratio: float


def medians(row, column, who):
    """Of each variant that was measured in every round."""
    values = {}
    for run in row["runs"]:
        if run["column"] == column and run["who"] == who:
            values.setdefault(run["variant"], []).append(run["value"])
    most = max(map(len, values.values()), default=0)
    return {variant: statistics.median(found) for variant, found in values.items() if len(found) == most}


def best(row, column, who):
    """The median of the best variant, or None."""
    found = medians(row, column, who)
    if column == "depth-q8_0" and who == PEER:
        found = {**{f"f16 cache {variant}": value for variant, value in medians(row, "depth", who).items()}, **found}
    if not found:
        return None
    return (min if column.startswith("first") else max)(found.values())


def pair(row, column):
    ours, theirs = best(row, column, "tulu"), best(row, column, PEER)
    if ours is None:
        return None
    ratio = None
    if theirs:
        ratio = theirs / ours if column.startswith("first") else ours / theirs
    return Pair(ours, theirs, ratio)


def cell(row, column):
    found = pair(row, column)
    if found is None:
        return ""
    form = FORMATS[column].format
    if found.theirs is None:
        return form(found.ours)
    return f"{form(found.ours)} / {form(found.theirs)} (**{found.ratio:.2f}×**)"


def heading(column):
    texts = {
        "prefill": "prefill of {prompt}", "decode": "decode of {decode}", "depth": "decode at depth {depth}",
        "depth-q8_0": "the same, {cache} cache", "first-short": "first token of {prompt}, s",
        "first-long": "first token of {prompt}, s",
    }  # fmt: skip
    return texts[column["name"]].format(**column)


def markdown_table(head, lines):
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def columns_of(rows):
    out = {}
    for row in rows.values():
        for name, column in row["columns"].items():
            out.setdefault(name, column)
    return {name: out[name] for name in FORMATS if name in out}


def ratio_table(rows):
    columns = columns_of(rows)
    lines = [[NAMES.get(name, name), *(cell(row, column) for column in columns)] for name, row in rows.items()]
    return markdown_table(["weights", *map(heading, columns.values())], lines)


def percent(value):
    return f"{100 * value:.0f} %"


def bandwidth_cells(row):
    """What decoding reads, against what a loop that only reads got in the same run."""
    runs = [run for run in row["runs"] if run["who"] == "tulu" and run["column"] == "decode"]
    if not runs:
        return ["", "", ""]
    shares = [run["value"] * run["bytes_per_token"] / 1e9 / run["read_bandwidth_gb_s"] for run in runs]
    read = [run["read_bandwidth_gb_s"] for run in runs]
    spread = f"{statistics.median(read):.1f} ({min(read):.1f}–{max(read):.1f})"
    return [f"{runs[0]['bytes_per_token'] / 1e9:.2f}", spread, percent(statistics.median(shares))]


def peak_cells(name, row):
    """Multiplications and additions with the layers' weights, against the peaks measured in the same rounds."""
    prefill = best(row, "prefill", "tulu")
    if prefill is None or "layer_weights" not in row:
        return ["", "", ""]
    done = 2e-9 * row["layer_weights"] * prefill
    out = [f"{done:.0f}"]
    vector = PEAKS.get(name, "int8_gops")
    if vector not in row["peaks"][0]:  # no instruction of its own
        vector = "f32_gflops"
    for key in (vector, TILE_PEAKS.get(name, "" if name in PEAKS else "amx_int8_gops")):
        peaks = [each[key] for each in row["peaks"] if key in each]
        out.append(f"{percent(done / statistics.median(peaks))} of {statistics.median(peaks):.0f}" if peaks else "")
    return out


def share_table(rows):
    head = ["weights", "GB a token", "GB/s read", "decode: share", "prefill: GFLOP/s", "share of the vector peak",
            "share of AMX's"]  # fmt: skip
    lines = [[NAMES.get(name, name), *bandwidth_cells(row), *peak_cells(name, row)] for name, row in rows.items()]
    return markdown_table(head, lines)


def others_table(rows):
    """Eigen and transformers, tokens/s and how often as fast tulu is."""
    columns = {name: column for name, column in columns_of(rows).items() if name in ("prefill", "decode", "depth")}
    versions = span(sorted({row["versions"]["transformers"] for row in rows.values()} - {""}) or ["transformers"])
    lines = []
    for who, title in (("tulu-eigen", "tulu, backend eigen"), ("transformers", versions)):
        for name, row in rows.items():
            values = [(best(row, column, who), best(row, column, "tulu")) for column in columns]
            if any(theirs for theirs, _ in values):
                cells = [f"{theirs:.1f} ({ours / theirs:.2f}×)" if theirs and ours else "" for theirs, ours in values]
                lines.append([f"{title}, {name}", *cells])
    return markdown_table(["", *map(heading, columns.values())], lines) if lines else ""


def rounds_of(row):
    return len(row["peaks"])


def span(values):
    """`a` or `a to b`."""
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def machine_text(results):
    rows, machine = results["rows"].values(), results["machine"]
    days = span([row["date"] for row in rows])
    flags = ", ".join(machine["flags"])
    return f"{machine['cpu']} (family/model {machine['family']}; {flags}), {machine['threads']} threads, {days}"


def introduction(results):
    rows = results["rows"].values()
    sizes = sorted({row["parameters"] for row in rows if "parameters" in row})
    what = " and ".join(f"{size / 1e9:.2f}" for size in sizes)
    what = f"{what} billion random parameters, the same GGUF files on either side. " if sizes else ""
    versions = sorted({row["versions"]["llama.cpp"] for row in rows if row["versions"].get("llama.cpp")})
    peer = f"llama.cpp ({', '.join(versions) or 'none'}, -march=native) at its best of -fa and repacking in each column"
    return (
        f"tulu / {peer}; tokens/s, or seconds from the start of the program to the first token; in brackets how often as "
        f"fast tulu is. {what}Medians of {span([rounds_of(row) for row in rows])} rounds, in turn. {machine_text(results)}."
    )


def markdown(results, plot_path):
    rows = results["rows"]
    parts = [introduction(results), ratio_table(rows), f"![Ratios to llama.cpp]({plot_path})"]
    parts += ["What tulu reached of what the machine gave in the same run:", share_table(rows)]
    others = others_table(rows)
    if others:
        parts += ["Others, tokens/s, and how often as fast tulu is:", others]
    commits = ", ".join(sorted({row["commit"] for row in rows.values()}))
    parts.append(f"`benchmarks/compare.sh --dir FOLDER` measures it again; these are of commit {commits}.")
    return "\n\n".join(parts) + "\n"


def plot(results):
    columns = columns_of(results["rows"])
    groups = {}
    for name, row in results["rows"].items():
        pairs = {column: pair(row, column) for column in columns}
        ratios = {heading(columns[column]): found.ratio for column, found in pairs.items() if found and found.ratio}
        if ratios:
            groups[NAMES.get(name, name)] = ratios
    titles = ["How often as fast as llama.cpp, by type of weights", machine_text(results)]
    return bar_chart(titles, list(map(heading, columns.values())), groups)


def write(results, file):
    """NAME.md and NAME.svg beside NAME.json."""
    file.with_suffix(".svg").write_text(plot(results), encoding="utf-8")
    file.with_suffix(".md").write_text(markdown(results, file.with_suffix(".svg").name), encoding="utf-8")


def with_section(readme, section):
    """The text of a README in which the section stands between its marks, at first below the heading "## Speed…"."""
    block = f"{BEGIN}\n\n{section.strip()}\n\n{END}"
    if BEGIN in readme and END in readme:
        before, _, rest = readme.partition(BEGIN)
        return before + block + rest.partition(END)[2]
    lines = readme.split("\n")
    at = next((number for number, line in enumerate(lines) if line.startswith("## Speed")), None)
    if at is None:
        raise SystemExit('error: README.md: expected a heading "## Speed", found none')
    return "\n".join([*lines[: at + 1], "", block, *lines[at + 1 :]])


def put_into_readme(files, readme):
    """One part for each machine, made of its NAME.json."""
    machines = {file: json.loads(file.read_text(encoding="utf-8")) for file in files}
    parts = [markdown(results, f"benchmarks/results/{file.stem}.svg") for file, results in machines.items()]
    if parts:
        readme.write_text(with_section(readme.read_text(encoding="utf-8"), "\n".join(parts)), encoding="utf-8")
