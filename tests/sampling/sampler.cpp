#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <support/temp_dir.hpp>

#include <tulu/sampling/sampler.hpp>

namespace {

using tulu::sampler;
using tulu::sampling_options;
using history = std::vector<std::uint32_t>;
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::size_t size, std::uint64_t seed) {
  tulu::rng generator{seed};
  std::vector<float> logits(size);
  for (float& logit : logits) logit = static_cast<float>(generator.uniform() * 12 - 6);
  return logits;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{text};
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

/// `id:value,...`
std::vector<std::pair<std::uint32_t, float>> pairs_of(const std::string& text) {
  std::vector<std::pair<std::uint32_t, float>> pairs;
  for (const auto& entry : split(text, ',')) {
    const auto parts = split(entry, ':');
    pairs.emplace_back(std::stoul(parts.at(0)), static_cast<float>(std::stod(parts.at(1))));
  }
  return pairs;
}

struct golden {
  std::string name;
  sampling_options options{.temperature = 1};
  ::history history;
  std::vector<float> logits;
  std::vector<std::pair<std::uint32_t, float>> kept;
};

golden parse_golden(const std::string& line) {
  golden read;
  for (const auto& field : split(line, ' ')) {
    const auto at = field.find('=');
    const std::string key = field.substr(0, at), value = at == std::string::npos ? "" : field.substr(at + 1);
    if (at == std::string::npos) read.name = key;
    if (key == "temperature") read.options.temperature = std::stof(value);
    if (key == "top_k") read.options.top_k = std::stoul(value);
    if (key == "top_p") read.options.top_p = std::stof(value);
    if (key == "typical_p") read.options.typical_p = std::stof(value);
    if (key == "repetition_penalty") read.options.repetition_penalty = std::stof(value);
    if (key == "bias") read.options.logit_bias = pairs_of(value);
    if (key == "kept") read.kept = pairs_of(value);
    if (key == "logits")
      for (const auto& logit : split(value, ',')) read.logits.push_back(std::stof(logit));
    if (key == "history")
      for (const auto& id : split(value, ',')) read.history.push_back(static_cast<std::uint32_t>(std::stoul(id)));
  }
  return read;
}

std::vector<double> probabilities(const tulu::sampling::candidates& all) {
  std::vector<double> p;
  double total = 0;
  for (const float logit : all.logits()) total += p.emplace_back(std::exp(static_cast<double>(logit)));
  for (double& one : p) one /= total;
  return p;
}

}  // namespace

TEST_CASE("sampler: the chain gives the probabilities of transformers") {
  std::ifstream in{TULU_TEST_DATA "/sampling/goldens.txt"};
  REQUIRE(in);
  int cases = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#')) continue;
    const golden expected = parse_golden(line);
    CAPTURE(expected.name);
    ++cases;
    sampler chooser{expected.options, expected.logits.size()};
    const auto& found = chooser.candidates(expected.logits, expected.history);
    const auto p = probabilities(found);
    std::map<std::uint32_t, double> by_id;
    for (std::size_t i = 0; i < p.size(); ++i) by_id[found.ids()[i]] = p[i];
    REQUIRE_EQ(by_id.size(), expected.kept.size());
    for (const auto& [id, probability] : expected.kept) {
      REQUIRE_EQ(by_id.count(id), 1);
      REQUIRE(std::abs(by_id[id] - static_cast<double>(probability)) <=
              1e-5 * static_cast<double>(probability) + 1e-12);
    }
  }
  CHECK_EQ(cases, 38);
}

TEST_CASE("sampler: draws follow the probabilities of the candidates") {
  sampling_options options{.temperature = 0.8F, .top_k = 30, .top_p = 0.97F};
  options.seed = 37;
  const auto logits = random_logits(400, 41);
  sampler chooser{options, logits.size()};
  const auto& candidates = chooser.candidates(logits, {});
  const history ids{candidates.ids().begin(), candidates.ids().end()};
  const auto p = probabilities(candidates);
  std::map<std::uint32_t, int> counts;
  constexpr int draws = 40000;
  for (int i = 0; i < draws; ++i) ++counts[chooser.sample(logits, {}).id];
  double chi_square = 0;
  int drawn = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const double expected = p[i] * draws;
    REQUIRE(expected > 5);
    chi_square += std::pow(counts[ids[i]] - expected, 2) / expected;
    drawn += counts[ids[i]];
  }
  CHECK_EQ(drawn, draws);
  // 4.5 standard deviations above the mean of the distribution; a seed that fails is one in a hundred thousand.
  const auto freedom = static_cast<double>(ids.size() - 1);
  CHECK(freedom >= 15);
  CHECK(chi_square < freedom + 4.5 * std::sqrt(2 * freedom));
}

TEST_CASE("sampler: the same seed chooses the same tokens and another seed others") {
  const auto logits = random_logits(1000, 43);
  const auto run = [&](std::uint64_t seed) {
    sampling_options options{.temperature = 1};
    options.seed = seed;
    sampler chooser{options, logits.size()};
    history ids;
    for (int i = 0; i < 50; ++i) ids.push_back(chooser.sample(logits, ids).id);
    return ids;
  };
  CHECK_EQ(run(1), run(1));
  CHECK_NE(run(1), run(2));
}

TEST_CASE("sampler: a restored generator chooses the same tokens again") {
  const auto logits = random_logits(1000, 47);
  sampler chooser{{.temperature = 1.5F}, logits.size()};
  (void)chooser.sample(logits, {});
  const auto state = chooser.generator().state();
  const auto next = [&] {
    history ids;
    for (int i = 0; i < 20; ++i) ids.push_back(chooser.sample(logits, {}).id);
    return ids;
  };
  const history first = next();
  CHECK_NE(next(), first);
  chooser.generator() = tulu::rng::from_state(state);
  CHECK_EQ(next(), first);
}

TEST_CASE("sampler: greedy takes the largest logit, the first of equal ones, and draws no number") {
  sampler chooser{{.temperature = 0}, 6};
  const auto before = chooser.generator();
  CHECK_EQ(chooser.sample(std::vector<float>{1, 3, 2, 3, -1, 0}, {}).id, 1);
  CHECK_EQ(chooser.sample(std::vector<float>{-infinity, -9, -9, -infinity, -9, -10}, {}).id, 1);
  CHECK_EQ(chooser.sample(std::vector<float>{1, 3, infinity, 3, infinity, 0}, {}).id, 2);
  CHECK_EQ(chooser.generator(), before);
  const auto& candidates = chooser.candidates(std::vector<float>{1, 3, 2, 3, -1, 0}, {});
  REQUIRE_EQ(candidates.size(), 1);
  CHECK_EQ(candidates.ids()[0], 1);
  CHECK_EQ(candidates.logits()[0], 0);
}

TEST_CASE("sampler: greedy obeys bias and penalties") {
  sampling_options options{.temperature = 0};
  options.logit_bias = {{0, -infinity}};
  options.repetition_penalty = 2;
  sampler chooser{options, 4};
  const std::vector<float> logits{9, 4, 3, 1};
  CHECK_EQ(chooser.sample(logits, {}).id, 1);
  CHECK_EQ(chooser.sample(logits, history{1}).id, 2);
  CHECK_EQ(chooser.sample(logits, history{1, 2, 2}).id, 1);
  CHECK_EQ(logits, std::vector<float>{9, 4, 3, 1});
}

TEST_CASE("sampler: the penalty window leaves out what is older") {
  sampling_options options{.temperature = 0};
  options.presence_penalty = 5;
  options.penalty_window = 2;
  sampler chooser{options, 3};
  const std::vector<float> logits{3, 2, 1};
  CHECK_EQ(chooser.sample(logits, history{0}).id, 1);
  CHECK_EQ(chooser.sample(logits, history{0, 2, 2}).id, 0);
  CHECK_EQ(chooser.sample(logits, history{2, 1, 0}).id, 2);
}

TEST_CASE("sampler: the log-probability is that of the model's own logits") {
  sampling_options options{.temperature = 0, .top_k = 1};
  options.logit_bias = {{2, 100}};
  options.top_logprobs = 3;
  sampler chooser{options, 4};
  const std::vector<float> logits{1, 2, 0.5F, 2};
  const double log_total = std::log(std::exp(1.0) + 2 * std::exp(2.0) + std::exp(0.5));
  const auto token = chooser.sample(logits, {});
  CHECK_EQ(token.id, 2);
  CHECK(token.logprob == doctest::Approx(0.5 - log_total));
  REQUIRE_EQ(token.top.size(), 3);
  CHECK_EQ(token.top[0].id, 1);
  CHECK_EQ(token.top[1].id, 3);
  CHECK_EQ(token.top[2].id, 0);
  CHECK(token.top[0].logprob == doctest::Approx(2 - log_total));
  CHECK(token.top[2].logprob == doctest::Approx(1 - log_total));
}

TEST_CASE("sampler: log-probabilities are computed only when asked for") {
  sampling_options options{.temperature = 0};
  const std::vector<float> logits{1, 2};
  CHECK(sampler{options, 2}.sample(logits, {}).top.empty());
  CHECK_FALSE(std::isnan(sampler{options, 2}.sample(logits, {}).logprob));
  options.want_logprob = false;
  CHECK(std::isnan(sampler{options, 2}.sample(logits, {}).logprob));
  options.top_logprobs = 100;
  sampler chooser{options, 2};
  CHECK_EQ(chooser.sample(logits, {}).top.size(), 2);
  CHECK_FALSE(std::isnan(chooser.sample(logits, {}).logprob));
}

TEST_CASE("sampler: infinite logits: +inf leaves only its ids, equally likely, unless they are forbidden") {
  sampling_options options{.temperature = 0.5F, .top_p = 0.99F, .min_p = 0.1F, .typical_p = 0.99F};
  const std::vector<float> logits{5, infinity, -infinity, infinity};
  sampler chooser{options, 4};
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[chooser.sample(logits, {}).id];
  CHECK_EQ(counts.size(), 2);
  CHECK(counts[1] > 400);
  CHECK(counts[3] > 400);
  CHECK(chooser.sample(logits, {}).logprob == doctest::Approx(std::log(0.5)));
  options.logit_bias = {{1, -infinity}, {3, -infinity}};
  chooser.set_options(options);
  const auto token = chooser.sample(logits, {});
  CHECK_EQ(token.id, 0);
  CHECK_EQ(token.logprob, -infinity);
}

TEST_CASE("sampler: NaN, nothing but -inf and a wrong number of logits are refused, greedy or not") {
  for (const float temperature : {0.0F, 1.0F}) {
    sampler chooser{{.temperature = temperature}, 2};
    const auto message = [&](std::vector<float> logits) {
      return tulu::test::message_of([&] { (void)chooser.sample(logits, {}); });
    };
    CHECK_EQ(message({0, not_a_number}), "logits: id 1: expected a number, found NaN");
    CHECK_EQ(message({-infinity, -infinity}),
             "logits: expected a value above -inf, found -inf for every id, after logit bias and penalties");
    CHECK_EQ(message({1}), "logits: expected 2 values, found 1");
    CHECK_EQ(message({1, 2}), "");
  }
}

TEST_CASE("sampler: an id of the history outside the vocabulary is refused, when penalties need it") {
  sampling_options options{.temperature = 0};
  const std::vector<float> logits{1, 2};
  sampler chooser{options, 2};
  CHECK_EQ(chooser.sample(logits, history{7}).id, 1);
  options.frequency_penalty = 0.1F;
  chooser.set_options(options);
  CHECK_EQ(tulu::test::message_of([&] { (void)chooser.sample(logits, history{7}); }),
           "history: expected an id below 2, found 7");
}

TEST_CASE("sampler: a vocabulary of one token gives that token with every option") {
  sampling_options options{.temperature = 0.1F, .top_k = 40, .top_p = 0.1F, .min_p = 1, .typical_p = 0.1F};
  options.repetition_penalty = 3;
  options.top_logprobs = 1;
  sampler chooser{options, 1};
  const auto token = chooser.sample(std::vector<float>{-4}, history{0, 0});
  CHECK_EQ(token.id, 0);
  CHECK_EQ(token.logprob, 0);
  REQUIRE_EQ(token.top.size(), 1);
  CHECK_EQ(token.top[0].logprob, 0);
}

TEST_CASE("sampler: a temperature near 0 is greedy, without overflow") {
  const std::vector<float> logits{-1e38F, 3e38F, 2.9e38F, 3e38F};
  sampler chooser{{.temperature = 1e-38F}, 4};
  std::map<std::uint32_t, int> counts;
  for (int i = 0; i < 100; ++i) ++counts[chooser.sample(logits, {}).id];
  CHECK_EQ(counts.size(), 2);
  CHECK(counts[1] > 0);
  CHECK(counts[3] > 0);
}

TEST_CASE("sampler: bad options are refused at construction and leave the old ones when set") {
  const auto message = [](auto&& action) { return tulu::test::message_of(action); };
  CHECK_EQ(message([] { sampler chooser({}, 0); }), "vocabulary size: expected 1 to 2^32 - 1, found 0");
  CHECK_EQ(message([] { sampler chooser({.temperature = -1}, 2); }),
           "temperature: expected a finite number, at least 0, found -1");
  sampling_options options{.temperature = 0};
  sampler chooser{options, 2};
  options.temperature = 1;
  options.logit_bias = {{2, 1.0F}};
  CHECK_EQ(message([&] { chooser.set_options(options); }), "logit_bias: expected an id below 2, found 2");
  CHECK_EQ(chooser.options().temperature, 0);
  CHECK_EQ(chooser.vocabulary_size(), 2);
}
