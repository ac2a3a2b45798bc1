#!/usr/bin/env python3
"""`convert`: Hugging Face's layout, Meta's and GGUF into each other."""

import json
import shutil

from support import checkpoints, gguf_reader
from support.gguf_files import LLAMA3
from support.gguf_models import BASE, ROWS, write_model
from support.programs import MANIFEST, SOURCE, ProgramTest, main, run, snapshot, times

META = SOURCE / "tests" / "data" / "meta"
DIFF = SOURCE / "examples" / "mini-tulu" / "diff"


def convert(source, target, *arguments):
    return run("convert", "--from", source, "--to", target, "--quiet", *arguments)


def byte_level_tokenizer():
    """Bytes, two merges and three added tokens, cut into words as Llama 3 does."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [chr(b) for b in printable] + [chr(0x100 + i) for i in range(256 - len(printable))]
    vocab = {text: i for i, text in enumerate([*letters, "th", "the"])}
    added = [("<|begin|>", True), ("<|end|>", True), ("<mark>", False)]
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": len(vocab) + i, "content": text, "special": special, "single_word": False, "lstrip": False,
             "rstrip": False, "normalized": False} for i, (text, special) in enumerate(added)
        ],  # fmt: skip
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        ]},  # fmt: skip
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<|begin|>": {"id": "<|begin|>", "ids": [258], "tokens": ["<|begin|>"]}},
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": True,
                  "vocab": vocab, "merges": ["t h", "th e"]},  # fmt: skip
    }


class Convert(ProgramTest):
    def ids(self, model, text):
        return self.assert_done(run("tokenize", "--model", model, input=text)).stdout

    def test_to_gguf_and_back_is_the_same_model(self):
        file, back = self.dir / "m.gguf", self.dir / "back"
        self.assert_done(convert(BASE, file))
        metadata, tensors = gguf_reader.read(file)
        self.assertEqual(metadata["general.architecture"], "llama")
        self.assertEqual(len(metadata["tokenizer.ggml.tokens"]), ROWS)
        self.assertEqual({t.dtype for t in tensors.values() if len(t.shape) == 2}, {"F16"})
        self.assertEqual({t.dtype for t in tensors.values() if len(t.shape) == 1}, {"F32"})
        self.assert_done(convert(file, back, "--dtype", "f16"))
        self.assert_same_tensors(checkpoints.read_folder(back), checkpoints.read_folder(BASE))
        config, wanted = (json.loads((folder / "config.json").read_text()) for folder in (back, BASE))
        for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                    "num_key_value_heads", "rms_norm_eps", "max_position_embeddings", "torch_dtype", "bos_token_id",
                    "eos_token_id"):  # fmt: skip
            self.assertEqual(config[key], wanted[key], key)
        for text in ("Hello there", "How many <s> apples?\n3 + 4 = 7 é ☃"):
            self.assertEqual(self.ids(file, text), self.ids(BASE, text))
            self.assertEqual(self.ids(back, text), self.ids(BASE, text))
        again = self.dir / "again.gguf"
        self.assert_done(convert(back, again))
        self.assertEqual(gguf_reader.read(again)[1], tensors)
        self.assertEqual(self.ids(again, "How many <s> apples?"), self.ids(BASE, "How many <s> apples?"))

    def test_byte_level_vocabularies(self):
        model, file, back = self.dir / "model", self.dir / "m.gguf", self.dir / "back"
        tensors = checkpoints.llama(1, "F32", rows=264)
        config = checkpoints.config(tensors, num_attention_heads=2, bos_token_id=258, eos_token_id=259)
        checkpoints.write_folder(model, tensors, config)
        (model / "tokenizer.json").write_text(json.dumps(byte_level_tokenizer()))
        self.assert_done(convert(model, file))
        metadata, _ = gguf_reader.read(file)
        self.assertEqual(metadata["tokenizer.ggml.model"], "gpt2")
        self.assertEqual(metadata["tokenizer.ggml.pre"], "llama-bpe")
        self.assertEqual(metadata["tokenizer.ggml.merges"], ["t h", "th e"])
        self.assertEqual(metadata["tokenizer.ggml.tokens"][256:], ["th", "the", "<|begin|>", "<|end|>", "<mark>",
                                                                   "[PAD261]", "[PAD262]", "[PAD263]"])  # fmt: skip
        self.assertEqual(metadata["tokenizer.ggml.token_type"][256:], [1, 1, 3, 3, 4, 5, 5, 5])
        self.assertTrue(metadata["tokenizer.ggml.add_bos_token"])
        self.assertEqual(metadata["tokenizer.ggml.bos_token_id"], 258)
        self.assert_done(convert(file, back))
        self.assert_same_tensors(checkpoints.read_folder(back), tensors)
        for text in ("the other <mark> 12345 thé\n\n the", "x<|end|>y"):
            self.assertEqual(self.ids(file, text), self.ids(model, text))
            self.assertEqual(self.ids(back, text), self.ids(model, text))
        again = self.dir / "again.gguf"
        self.assert_done(convert(back, again))
        found, _ = gguf_reader.read(again)
        for key, value in metadata.items():
            if key.startswith("tokenizer."):
                self.assertEqual(found[key], value, key)

    def test_meta_to_hugging_face(self):
        for name, wanted in (("whole", "whole"), ("parts", "parts"), ("rows", "parts")):
            source, target = self.dir / name / "7B", self.dir / f"{name}.hf"
            shutil.copytree(META / name, source)
            shutil.copy(BASE / "tokenizer.model", source.parent)
            self.assert_done(convert(source, target))
            expected, _ = checkpoints.read_file(META / f"{wanted}.safetensors")
            self.assert_same_tensors(checkpoints.read_folder(target), expected)
            config = json.loads((target / "config.json").read_text())
            self.assertEqual((config["vocab_size"], config["torch_dtype"]), (40, "bfloat16"))
            self.assertEqual((target / "tokenizer.model").read_bytes(), (BASE / "tokenizer.model").read_bytes())

    def test_meta_without_a_tokenizer(self):
        result = self.assert_done(convert(META / "whole", self.dir / "hf"))
        self.assertIn("warning: ", result.stderr)
        self.assert_refused(convert(META / "whole", self.dir / "m.gguf"), "tokenizer.model")
        shutil.copytree(META / "whole", self.dir / "meta")
        (self.dir / "meta" / "tokenizer.model").write_text("IQ== 0\nIg== 1\n")
        self.assert_refused(convert(self.dir / "meta", self.dir / "m.gguf"), "tiktoken")

    def test_shards_and_types(self):
        target = self.dir / "hf"
        self.assert_done(convert(BASE, target, "--dtype", "f32", "--max-shard-size", "1MB"))
        self.assertGreater(len(checkpoints.shard_names(target)), 1)
        base = checkpoints.read_folder(BASE)
        for name, item in checkpoints.read_folder(target).items():
            self.assertEqual((item.dtype, item.values()), ("F32", base[name].values()), name)
        manifest = json.loads((target / MANIFEST).read_text())
        self.assertEqual(manifest["tensor_digest"], checkpoints.tensor_digest(checkpoints.read_folder(target)))

    def test_running_it_twice_is_one_run(self):
        for target in (self.dir / "m.gguf", self.dir / "hf"):
            self.assert_done(convert(BASE, target))
            before = times(self.dir)
            self.assertIn("complete already", self.assert_done(convert(BASE, target)).stdout)
            self.assertEqual(times(self.dir), before)
            self.assert_refused(convert(BASE, target, "--dtype", "f32"), "dtype", "--force")
            self.assertEqual(times(self.dir), before)
            self.assert_done(convert(BASE, target, "--dtype", "f32", "--force"))
            self.assertNotEqual(times(self.dir), before)

    def test_what_is_not_ours_stays(self):
        foreign = self.dir / "m.gguf"
        foreign.write_text("mine")
        (self.dir / "hf").mkdir()
        (self.dir / "hf" / "notes").write_text("mine")
        before = snapshot(self.dir)
        for target in (foreign, self.dir / "hf"):
            self.assert_refused(convert(BASE, target), "foreign")
            self.assert_refused(convert(BASE, target, "--force"), "foreign")
        self.assertEqual(snapshot(self.dir), before)

    def test_a_gguf_that_was_cut_off_is_written_again(self):
        file = self.dir / "m.gguf"
        self.assert_done(convert(BASE, file))
        whole = file.read_bytes()
        file.rename(self.dir / ".m.gguf.partial")
        self.assert_done(convert(BASE, file))
        self.assertEqual(file.read_bytes(), whole)
        file.write_bytes(whole[:-1])
        self.assert_refused(convert(BASE, file), "--force")
        self.assert_done(convert(BASE, file, "--force"))
        self.assertEqual(file.read_bytes(), whole)

    def test_tensors_that_the_configuration_does_not_ask_for_are_left_out(self):
        model = self.dir / "model"
        tensors = write_model(model, hidden=32, intermediate=32)
        stray = "model.layers.0.self_attn.q_proj.bias"
        more = {**tensors, stray: checkpoints.tensor("F32", [32], [1.0] * 32)}
        checkpoints.write_folder(model, more)
        for target in (self.dir / "m.gguf", self.dir / "hf"):
            result = self.assert_done(convert(model, target))
            self.assertIn(f"{stray} is ignored", result.stderr)
        self.assertNotIn("blk.0.attn_q.bias", gguf_reader.read(self.dir / "m.gguf")[1])
        self.assert_same_tensors(checkpoints.read_folder(self.dir / "hf"), tensors)

    def test_the_name_of_the_model_is_that_of_its_folder(self):
        model = self.dir / "alpaca-7b"
        shutil.copytree(BASE, model)
        for number, source in enumerate((model, f"{model}/", f"{model}/.")):
            file = self.dir / f"{number}.gguf"
            self.assert_done(convert(source, file))
            self.assertEqual(gguf_reader.read(file)[0]["general.name"], "alpaca-7b")

    def test_a_manifest_without_its_file_is_no_output(self):
        file = self.dir / "m.gguf"
        self.assert_done(convert(BASE, file))
        file.unlink()
        self.assert_done(convert(BASE, file, "--dtype", "f32"))

    def test_refusals(self):
        model = self.dir / "model"
        shutil.copytree(BASE, model)
        before = snapshot(self.dir)
        target = self.dir / "m.gguf"
        self.assert_refused(convert(DIFF, target), "weight diff")
        self.assert_refused(convert(self.dir / "nowhere", target), "nowhere")
        self.assert_refused(convert(model, model), "no input")
        self.assert_refused(convert(model, f"{self.dir}/", "--format", "gguf"), "the name of a file")
        self.assert_refused(convert(model, model / "config.json" / "m.gguf"), "config.json")
        self.assert_wrong_usage(convert(model, self.dir / "hf", "--dtype", "q8_0"), "--format gguf")
        self.assert_wrong_usage(convert(model, target, "--dtype", "int3"), "q8_0")
        self.assertEqual(snapshot(self.dir), before)
        tensors = checkpoints.read_folder(model)
        del tensors["model.layers.1.mlp.up_proj.weight"]
        checkpoints.write_folder(model, tensors)
        self.assert_refused(convert(model, target), "model.layers.1.mlp.up_proj.weight")
        self.assertFalse(target.exists())


if __name__ == "__main__":
    main()
