#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/checkpoint/gguf_writer.hpp>
#include <tulu/generation/choose_template.hpp>
#include <tulu/io/json.hpp>

namespace choose_template_test {

namespace fs = std::filesystem;
using tulu::tokenizer_mode;
using tulu::test::write_file;

/// A model folder of that name: names count.
struct model_folder {
  explicit model_folder(std::string name = "model") : path{temporary.path() / name} { fs::create_directory(path); }
  void jinja(std::string_view text) const {
    write_file(path / "tokenizer_config.json", "{\"chat_template\": " + tulu::io::quote_json(text) + "}");
  }
  [[nodiscard]] std::string name() const { return std::string{tulu::choose_template(path).format.name()}; }
  [[nodiscard]] std::string reason() const { return tulu::choose_template(path).reason; }

  tulu::test::temp_dir temporary;
  fs::path path;
};

TEST_CASE("choose_template: the chat template of tokenizer_config.json, of several the one named default") {
  const model_folder model;
  model.jinja("{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{{ '<<SYS>>\n' + content }}");
  CHECK(model.name() == "llama2");
  CHECK(model.reason() == "tokenizer_config.json has a chat template of this kind");
  write_file(model.path / "tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "[INST]"},
      {"name": "default", "template": "{{ '<|im_start|>' }}"}]})");
  CHECK(model.name() == "chatml");
}

TEST_CASE("choose_template: an unknown chat template is told and does not stop the choice") {
  const model_folder model;
  for (const std::string jinja : {"{{ message['content'] }}", "", "{{'<|user|>' + x + '<|end|>' + '<|assistant|>'}}"}) {
    model.jinja(jinja);
    CHECK(model.name() == "tulu");
    CHECK(model.reason() ==
          "the chat template of tokenizer_config.json is of no known kind; no file of the model names a format");
  }
  write_file(model.path / "added_tokens.json", R"({"<|im_start|>": 32000})");
  CHECK(model.name() == "chatml");
}

TEST_CASE("choose_template: chat_template.jinja counts before tokenizer_config.json") {
  const model_folder model;
  model.jinja("[INST] <<SYS>>");
  write_file(model.path / "chat_template.jinja", "<|im_start|>");
  CHECK(model.name() == "chatml");
  CHECK(model.reason() == "chat_template.jinja has a chat template of this kind");
  write_file(model.path / "chat_template.jinja", "something else");
  CHECK(model.name() == "llama2");
}

TEST_CASE("choose_template: without a chat template names and tokens tell") {
  for (const auto& [folder, name] :
       std::vector<std::pair<std::string, std::string>>{{"tulu-7b", "tulu"},
                                                        {"open-instruct-stanford-alpaca-7b", "tulu"},
                                                        {"Vicuna-13b-v1.1", "vicuna"},
                                                        {"alpaca-7b", "alpaca"},
                                                        {"zephyr-7b-beta", "zephyr"},
                                                        {"TinyLlama-1.1B-Chat-v1.0", "zephyr"},
                                                        {"Llama-2-7b-chat-hf", "llama2"},
                                                        {"Meta-Llama-3-8B-Instruct", "llama3"},
                                                        {"Llama-3.1-Tulu-3-8B", "tulu3"},
                                                        {"llama-7b", "tulu"}})
    CHECK(model_folder{folder}.name() == name);

  const model_folder model;
  CHECK(model.reason() == "no file of the model names a format");
  write_file(model.path / "added_tokens.json", R"({"[PAD]": 32000})");
  CHECK(model.name() == "alpaca");
  CHECK(model.reason() == "the vocabulary has a token [PAD]");
  write_file(model.path / "config.json", R"({"_name_or_path": "/models/tulu-7b/"})");
  CHECK(model.name() == "tulu");
  CHECK(model.reason() == "the model is called tulu-7b");
  write_file(model.path / "added_tokens.json", R"({"<|im_start|>": 32000})");
  CHECK(model.name() == "chatml");
}

TEST_CASE("choose_template: the name of a folder counts however its path is written") {
  const model_folder model{"vicuna-7b"};
  fs::create_directory(model.path / "x");
  for (const fs::path& path : {model.path / "", model.path / ".", model.path / "x" / ".."})
    CHECK(tulu::choose_template(path).format.name() == "vicuna");
}

TEST_CASE("choose_template: a weight file stands for its folder") {
  const model_folder model{"vicuna-7b"};
  const fs::path weights = model.path / "tulu.safetensors";
  write_file(weights, "");
  const auto same = [&](std::string_view name) {
    CHECK(model.name() == name);
    CHECK(tulu::choose_template(weights).format.name() == name);
    CHECK(tulu::choose_template(weights).reason == model.reason());
  };
  same("vicuna");
  model.jinja("[INST] <<SYS>>");
  same("llama2");
  write_file(model.path / "chat_template.jinja", "<|im_start|>");
  same("chatml");
}

TEST_CASE("choose_template: files that cannot be read are told and do not stop the choice") {
  const model_folder model;
  write_file(model.path / "tokenizer_config.json", "{");
  write_file(model.path / "config.json", "[]");
  CHECK(model.name() == "tulu");
  const std::string reason = model.reason();
  CHECK(reason.find("tokenizer_config.json cannot be used (") != std::string::npos);
  CHECK(reason.find("config.json cannot be used (") != std::string::npos);
  fs::create_directory(model.path / "chat_template.jinja");
  CHECK(model.reason().starts_with("chat_template.jinja cannot be used ("));
  CHECK(tulu::choose_template(model.path / "absent").format.name() == "tulu");
}

TEST_CASE("choose_template: of a GGUF file its template, its names, the name of the file, its tokens") {
  const model_folder model{"vicuna-7b"};
  fs::path file = model.path / "Zephyr-7B.gguf";
  std::vector<tulu::checkpoint::gguf_entry> entries;
  const auto set = [&](std::string key, auto value) { entries.push_back({std::move(key), std::move(value)}); };
  const auto reason_for = [&](std::string_view format) {
    write_file(file, tulu::checkpoint::plan_gguf({file, entries}, {}).header);
    const auto choice = tulu::choose_template(file);
    CHECK(choice.format.name() == format);
    return choice.reason;
  };
  using tulu::checkpoint::gguf_value;
  CHECK(reason_for("zephyr") == "the model is called zephyr-7b.gguf");
  set("general.name", gguf_value::of("Meta Llama 3 8B Instruct"));
  CHECK(reason_for("llama3") == "the model is called meta-llama-3-8b-instruct");
  set("tokenizer.ggml.tokens", gguf_value::array_of(std::vector<std::string>{"<|start_header_id|>", "<|im_start|>"}));
  set("tokenizer.ggml.token_type", gguf_value::array_of(std::vector<std::int32_t>{1, 3}));
  CHECK(reason_for("llama3") == "the model is called meta-llama-3-8b-instruct");
  entries[0].value = gguf_value::of("weights");
  CHECK(reason_for("zephyr") == "the model is called zephyr-7b.gguf");
  file = model.path / "weights.gguf";
  CHECK(reason_for("chatml") == "the vocabulary has a token <|im_start|>");
  set("tokenizer.chat_template", gguf_value::of("[INST] <<SYS>>"));
  CHECK(reason_for("llama2") == "tokenizer.chat_template has a chat template of this kind");
  entries.back().value = gguf_value::of("something else");
  CHECK(reason_for("chatml").starts_with("the chat template of tokenizer.chat_template is of no known kind; "));
  entries.back().value = gguf_value::of(std::uint32_t{7});
  CHECK(reason_for("chatml").starts_with("tokenizer.chat_template cannot be used ("));
  const auto mode_of = [&](std::string_view name) {
    return tulu::choose_tokenizer_mode(tulu::chat::template_by_name(name).value(), file);
  };
  CHECK(mode_of("tulu") == tokenizer_mode::hf_fast);
  set("tokenizer.ggml.model", gguf_value::of("llama"));
  reason_for("chatml");
  CHECK(mode_of("tulu") == tokenizer_mode::hf_legacy);
  CHECK(mode_of("llama2") == tokenizer_mode::spm);
  CHECK(mode_of("chatml") == tokenizer_mode::hf);
}

TEST_CASE("choose_tokenizer_mode: the mode of the training where the files allow it") {
  const model_folder model;
  const auto mode_of = [&](std::string_view name) {
    return tulu::choose_tokenizer_mode(tulu::chat::template_by_name(name).value(), model.path);
  };
  CHECK_FALSE(mode_of("tulu").has_value());
  write_file(model.path / "tokenizer.json", "");
  CHECK(mode_of("tulu") == tokenizer_mode::hf_fast);
  CHECK(mode_of("llama3") == tokenizer_mode::hf_fast);
  write_file(model.path / "tokenizer.model", "");
  CHECK(mode_of("tulu") == tokenizer_mode::hf_legacy);
  CHECK(mode_of("llama2") == tokenizer_mode::spm);
  CHECK(mode_of("chatml") == tokenizer_mode::hf_fast);
  fs::remove(model.path / "tokenizer.json");
  CHECK(mode_of("chatml") == tokenizer_mode::hf);
  CHECK_FALSE(tulu::choose_tokenizer_mode(tulu::chat::raw_template{}, model.path / "tokenizer.model").has_value());
}

}  // namespace choose_template_test
