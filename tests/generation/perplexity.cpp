#include <cmath>
#include <cstddef>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_tokenizer.hpp"
#include "support/scripted_model.hpp"
#include "support/temp_dir.hpp"
#include <tulu/generation/perplexity.hpp>

namespace {

using tulu::token_id;
using tulu::test::message_of;
using ids = std::vector<token_id>;

constexpr std::size_t vocabulary = 11;

/// log(1 + (sequence length) × (1 + id) + first token): probabilities in proportion to small numbers.
double weight_of(std::size_t length, token_id first, token_id id) {
  return 1 + static_cast<double>(length) * (1 + id) + 3 * first;
}

tulu::test::scripted_model make_model() {
  tulu::test::scripted_model model{vocabulary};
  model.logits_after = [](std::span<const token_id> sequence, std::span<float> logits) {
    for (token_id id = 0; id < logits.size(); ++id)
      logits[id] = 500 + static_cast<float>(std::log(weight_of(sequence.size(), sequence[0], id)));
  };
  return model;
}

/// The product of the probabilities of what follows positions [context / 2, context - 1) of every chunk.
std::pair<double, std::size_t> by_hand(const ids& text, std::size_t context, token_id* bos) {
  double product = 1;
  std::size_t count = 0;
  for (std::size_t begin = 0; begin + context <= text.size(); begin += context) {
    const token_id first = bos != nullptr ? *bos : text[begin];
    for (std::size_t at = context / 2 + 1; at < context; ++at, ++count) {
      double total = 0;
      for (token_id id = 0; id < vocabulary; ++id) total += weight_of(at, first, id);
      product *= weight_of(at, first, text[begin + at]) / total;
    }
  }
  return {std::pow(product, -1.0 / static_cast<double>(count)), count};
}

}  // namespace

TEST_CASE("perplexity: chunks by themselves, their second halves predicted, the rest dropped, BOS put first") {
  auto model = make_model();
  ids text;
  for (std::size_t i = 0; i < 47; ++i) text.push_back(static_cast<token_id>(i * 7 % 10));
  token_id bos = 10;
  for (const std::size_t context : {4U, 5U, 8U, 9U, 16U, 47U})
    for (token_id* const first : {static_cast<token_id*>(nullptr), &bos}) {
      CAPTURE(context);
      tulu::perplexity_options options{.context = context};
      if (first != nullptr) options.bos = *first;
      std::size_t called = 0;
      options.on_progress = [&](std::size_t done, std::size_t total) {
        CHECK(done == ++called);
        CHECK(total == text.size() / context);
      };
      const auto [wanted, count] = by_hand(text, context, first);
      const auto found = tulu::perplexity(model, text, options);
      CHECK(found.tokens == count);
      CHECK(found.value == doctest::Approx(wanted).epsilon(1e-5));
      CHECK(called == text.size() / context);
    }
  CHECK(by_hand(text, 8, nullptr).first != doctest::Approx(by_hand(text, 8, &bos).first).epsilon(1e-3));
}

TEST_CASE("negative_log_likelihood: of large logits too, in double precision") {
  const std::vector<float> logits{1000, 1000, -1000, 999};
  const double sum = 2 + std::exp(-1.0);
  CHECK(tulu::negative_log_likelihood(logits, 0) == doctest::Approx(std::log(sum)).epsilon(1e-14));
  CHECK(tulu::negative_log_likelihood(logits, 3) == doctest::Approx(std::log(sum) + 1).epsilon(1e-14));
  CHECK(tulu::negative_log_likelihood(logits, 2) == doctest::Approx(2000 + std::log(sum)).epsilon(1e-14));
}

TEST_CASE("perplexity: texts that are too short and contexts that are none") {
  auto model = make_model();
  const auto failure = [&](std::size_t count, std::size_t context) {
    tulu::perplexity_options options{.context = context};
    options.name = "a.txt";
    return message_of([&] { static_cast<void>(tulu::perplexity(model, ids(count, 1), options)); });
  };
  CHECK(failure(15, 16) == "a.txt: expected at least one chunk of 16 tokens, found 15");
  CHECK(failure(0, 16) == "a.txt: expected at least one chunk of 16 tokens, found 0");
  CHECK(failure(16, 16).empty());
  CHECK(failure(16, 3) == "context: expected 4 to 64 tokens, found 3");
  CHECK(failure(100, 65) == "context: expected 4 to 64 tokens, found 65");
}

TEST_CASE("perplexity: a stop request ends it") {
  auto model = make_model();
  std::stop_source stop;
  tulu::perplexity_options options{.context = 8};
  options.stop = stop.get_token();
  options.on_progress = [&](std::size_t, std::size_t) { stop.request_stop(); };
  CHECK_THROWS_AS(static_cast<void>(tulu::perplexity(model, ids(20, 1), options)), tulu::cancelled);
}

TEST_CASE("perplexity_bos: that of a model that adds one") {
  const tulu::tokenizer adding = tulu::test::tokenizer_of(tulu::test::llama_proto({"ab"}));
  CHECK(tulu::perplexity_bos(adding) == adding.special().bos);
  CHECK(adding.special().bos.has_value());
}
