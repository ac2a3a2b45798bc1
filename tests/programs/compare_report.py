#!/usr/bin/env python3
"""What benchmarks/compare.sh makes of its figures, and the models that it runs; nothing is timed."""

import json
import sys
import xml.etree.ElementTree

from support.programs import SOURCE, ProgramTest, main, run

sys.path.insert(0, str(SOURCE / "benchmarks"))

import make_model
from comparison import contestants, report


def runs(who, variant, column, values, **more):
    return [{"who": who, "variant": variant, "column": column, "value": value, **more} for value in values]


def made_up():
    """Results in which each figure has another value."""
    columns = {name: column._asdict() for name, column in contestants.columns().items()}
    read = {"bytes_per_token": 2_000_000_000, "read_bandwidth_gb_s": 50.0}
    row = {
        "date": "2026-11-02", "commit": "abc", "versions": {"llama.cpp": "llama-cpp-python 9", "transformers": "transformers 8"},
        "parameters": 10**9, "layer_weights": 10**9, "columns": columns,
        "peaks": [{"int8_gops": 1000}, {"int8_gops": 1600}, {"int8_gops": 9000}],
        "runs": [
            *runs("tulu", "", "prefill", [100, 400, 200]), *runs("llama.cpp", "-fa 0", "prefill", [90, 95, 300]),
            *runs("llama.cpp", "-fa 1", "prefill", [100, 100, 10]),
            *runs("llama.cpp", "-fa 1 --repack 0", "prefill", [999]), *runs("tulu", "", "decode", [20, 20, 20], **read),
            *runs("tulu", "", "depth", [12]), *runs("llama.cpp", "-fa 0", "depth", [16]),
            *runs("tulu", "", "depth-q8_0", [24]), *runs("llama.cpp", "-fa 1", "depth-q8_0", [8]),
            *runs("tulu", "", "first-short", [2.0]), *runs("llama.cpp", "", "first-short", [3.0]),
            *runs("llama.cpp", "no repack", "first-short", [1.0]), *runs("transformers", "", "prefill", [50]),
        ],
    }  # fmt: skip
    return {"machine": {"cpu": "A & B", "family": "1/2/3", "flags": ["avx2"], "threads": 2}, "rows": {"q8_0": row}}


class Report(ProgramTest):
    def test_tables(self):
        text = report.markdown(made_up(), "x.svg")
        for expected in (
            "200 / 100 (**2.00×**)",  # medians; of llama.cpp the better of two
            "| 20.0 |",  # no peer
            "12.0 / 16.0 (**0.75×**)",
            "24.0 / 16.0 (**1.50×**)",  # against the better of both caches
            "2.00 / 1.00 (**0.50×**)",  # seconds: less is better
            "| 80 % |",  # 20 times 2 GB of 50
            "| 400 | 25 % of 1600 |",
            "transformers 8, q8_0 | 50.0 (4.00×)",
            "Medians of 3 rounds",
            "2026-11-02",
        ):
            self.assertIn(expected, text)

    def test_plot(self):
        root = xml.etree.ElementTree.fromstring(report.plot(made_up()))
        texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual([text for text in texts if text[-3:] in (".00", ".75", ".50")], ["2.00", "0.75", "1.50", "0.50"])
        self.assertTrue(any("A & B" in text for text in texts), texts)

    def test_section_of_the_readme(self):
        once = report.with_section("# T\n\n## Speed\n\nold\n\n## Next\n", "first")
        places = [once.index(part) for part in ("## Speed", "first", "old", "## Next")]
        self.assertEqual(places, sorted(places))
        self.assertEqual(report.with_section(once, "second"), once.replace("first", "second"))
        with self.assertRaises(SystemExit):
            report.with_section("# T\n", "first")

    def test_machines_of_the_readme(self):
        files = [self.dir / "a.json", self.dir / "b.json"]
        for file, cpu in zip(files, ("A & B", "C")):
            results = made_up()
            results["machine"]["cpu"] = cpu
            file.write_text(json.dumps(results), encoding="utf-8")
        readme = self.dir / "README.md"
        readme.write_text("# T\n\n## Speed\n", encoding="utf-8")
        report.put_into_readme(files, readme)
        text = readme.read_text(encoding="utf-8")
        places = [text.index(part) for part in ("A & B", "benchmarks/results/a.svg", "in turn. C", "benchmarks/results/b.svg")]
        self.assertEqual(places, sorted(places))

    def test_peak_of_a_type_without_an_instruction_of_its_own(self):
        results = made_up()
        results["rows"] = {"bf16": {**results["rows"]["q8_0"], "peaks": [{"f32_gflops": 500, "int8_gops": 7}]}}
        self.assertIn("| 400 | 80 % of 500 |", report.markdown(results, "x.svg"))


class Models(ProgramTest):
    def test_random_models_run(self):
        """On all sides each letter of a prompt is one token."""
        make_model.write_model(self.dir / "model", "10m", dtype="bf16", runnable=True)
        text = contestants.prompt_text(40)
        ids = self.assert_done(run("tokenize", "--model", self.dir / "model", "--bos", input=text)).stdout.split()
        self.assertEqual((len(ids), ids[0]), (40, "1"))
        file = self.dir / "model.gguf"
        self.assert_done(run("quantize", "--model", self.dir / "model", "--out", file, "--dtype", "q4_0"))
        chat = ["--model", file, "--prompt", text, "--format", "raw", "--max-new-tokens", 1, "--temperature", 0]
        self.assertIn("40 prompt tokens", self.assert_done(run("chat", *chat)).stderr)


if __name__ == "__main__":
    main()
