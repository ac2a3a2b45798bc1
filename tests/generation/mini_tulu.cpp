#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"
#include <tulu/chat/tulu.hpp>
#include <tulu/core/cpu.hpp>
#include <tulu/diff/recover.hpp>
#include <tulu/generation/chat_session.hpp>
#include <tulu/generation/load_tokenizer.hpp>
#include <tulu/io/json.hpp>
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/load.hpp>

namespace mini_tulu_test {

const std::filesystem::path mini_tulu = std::filesystem::path{TULU_TEST_DATA} / "../../examples/mini-tulu";

struct held_out {
  std::string kind, question, answer;
};

std::vector<held_out> load_questions() {
  std::vector<held_out> questions;
  std::ifstream lines{mini_tulu / "questions.jsonl"};
  for (std::string line; std::getline(lines, line);) {
    const auto each = tulu::io::parse_json(line, "questions.jsonl");
    questions.push_back({each.at("kind"), each.at("question"), each.at("answer")});
  }
  return questions;
}

/// The share of the questions that the model answers exactly, greedily, each in a conversation of its own.
double share_answered(const std::filesystem::path& folder, const std::vector<held_out>& questions) {
  const auto& backend = tulu::kernel::best_backend(tulu::detect_cpu());
  tulu::load_options options;
  options.conversion = backend.elementwise;
  options.kernels = backend.model;
  const auto model = tulu::load_model(folder, options);
  const auto tokens = tulu::load_tokenizer(folder, tulu::tokenizer_mode::hf_legacy);
  tulu::generation_options greedy;
  greedy.sampling.temperature = 0;
  greedy.max_new_tokens = 64;
  tulu::chat_session<tulu::llama_model> chat{*model, tokens, tulu::chat::tulu_template{}, greedy};
  std::map<std::string, std::pair<int, int>> by_kind;
  std::size_t right = 0;
  for (const held_out& each : questions) {
    chat.clear();
    const bool exact = chat.reply(each.question).text == each.answer;
    right += exact ? 1 : 0;
    by_kind[each.kind].first += exact ? 1 : 0;
    ++by_kind[each.kind].second;
  }
  for (const auto& [kind, count] : by_kind) MESSAGE(kind << ": " << count.first << " of " << count.second);
  return static_cast<double>(right) / static_cast<double>(questions.size());
}

TEST_CASE("mini-Tulu: the recovered model answers held-out questions, the base in the same format does not") {
  const std::vector<held_out> questions = load_questions();
  REQUIRE(questions.size() == 300);
  const tulu::test::temp_dir dir;
  tulu::recover(tulu::checkpoint::open(mini_tulu / "base"), tulu::checkpoint::open(mini_tulu / "diff"),
                dir.path() / "tuned");
  const double tuned = share_answered(dir.path() / "tuned", questions);
  // The base does not end its answers: all of them take minutes under sanitizers, and a tenth tells as much.
  std::vector<held_out> tenth;
  for (std::size_t i = 0; i < questions.size(); i += 10) tenth.push_back(questions[i]);
  const double base = share_answered(mini_tulu / "base", tenth);
  MESSAGE("recovered: " << tuned << ", base: " << base);
  CHECK(tuned >= 0.9);
  CHECK(base < 0.1);
}

}  // namespace mini_tulu_test
