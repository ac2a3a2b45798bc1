#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <support/scripted_model.hpp>
#include <support/temp_dir.hpp>

#include <tulu/generation/perplexity.hpp>

namespace perplexity_test {

using ids_type = std::vector<tulu::token_id>;

constexpr std::size_t vocabulary = 20;

/// The logit of `next` where the sequence begins with `first` and has `last` at `position`.
float logit(tulu::token_id first, tulu::token_id last, std::size_t position, std::size_t next) {
  return 100.0F + static_cast<float>((first * 7 + last * 13 + position * 5 + next * 3) % 17) * 0.37F;
}

/// A model with the logits of `logit`.
struct scored_model : tulu::test::scripted_model {
  scored_model() : scripted_model{vocabulary} {
    logits_after = [this](std::span<const tulu::token_id> sequence, std::span<float> logits) {
      for (std::size_t next = 0; next < vocabulary; ++next)
        logits[next] = logit(sequence.front(), sequence.back(), sequence.size() - 1, next);
      logits[4] += spoilt;
      scored.emplace_back(sequence.begin(), sequence.end());
    };
  }

  float spoilt = 0;                ///< added to the logit of id 4
  std::vector<ids_type> scored{};  ///< the sequences whose logits were asked for
};

ids_type make_ids(std::size_t count) {
  ids_type ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = static_cast<tulu::token_id>((i * i + 3 * i + 2) % vocabulary);
  return ids;
}

/// Σ -log p of a chunk, worked out in the plainest way.
double nll_of(const ids_type& chunk, std::size_t from) {
  double total = 0;
  for (std::size_t target = from; target < chunk.size(); ++target) {
    double sum = 0;
    for (std::size_t next = 0; next < vocabulary; ++next)
      sum += std::exp(static_cast<double>(logit(chunk[0], chunk[target - 1], target - 1, next)));
    total -= static_cast<double>(logit(chunk[0], chunk[target - 1], target - 1, chunk[target])) - std::log(sum);
  }
  return total;
}

std::string refusal(const ids_type& ids, const tulu::perplexity_options& options, float spoilt = 0) {
  scored_model model;
  model.spoilt = spoilt;
  return tulu::test::message_of([&] { static_cast<void>(tulu::perplexity(model, ids, options)); });
}

TEST_CASE("perplexity: the second halves of chunks, each with BOS in the place of its first id") {
  const ids_type ids = make_ids(29);
  for (const auto bos : {std::optional<tulu::token_id>{}, std::optional<tulu::token_id>{1}}) {
    CAPTURE(bos.has_value());
    scored_model model;
    const auto found = tulu::perplexity(model, ids, {.context = 8, .bos = bos});
    CHECK(found.chunks == 3);
    CHECK(found.tokens == 9);  // of positions 5, 6 and 7
    double expected = 0;
    std::vector<ids_type> read;
    for (std::ptrdiff_t at = 0; at < 24; at += 8) {
      ids_type chunk{ids.begin() + at, ids.begin() + at + 8};
      if (bos) chunk[0] = *bos;
      expected += nll_of(chunk, 5);
      for (std::ptrdiff_t length = 5; length < 8; ++length) read.emplace_back(chunk.begin(), chunk.begin() + length);
    }
    CHECK(found.nll == doctest::Approx(expected).epsilon(1e-12));
    CHECK(found.perplexity() == doctest::Approx(std::exp(expected / 9)).epsilon(1e-12));
    CHECK(model.scored == read);
  }
}

TEST_CASE("perplexity: odd and small contexts") {
  const ids_type ids = make_ids(21);
  const auto with = [&](std::size_t context) {
    scored_model model;
    return tulu::perplexity(model, ids, {.context = context, .bos = {}});
  };
  CHECK(with(7).chunks == 3);
  CHECK(with(7).tokens == 3 * 3);  // 7/2 = 3: positions 3 to 5 predict 4 to 6
  CHECK(with(7).nll ==
        doctest::Approx(nll_of({ids.begin(), ids.begin() + 7}, 4) + nll_of({ids.begin() + 7, ids.begin() + 14}, 4) +
                        nll_of({ids.begin() + 14, ids.end()}, 4))
            .epsilon(1e-12));
  CHECK(with(3).tokens == 7);
  CHECK(with(21).chunks == 1);
  CHECK(with(21).tokens == 10);
  CHECK(with(11).chunks == 1);
}

TEST_CASE("perplexity: progress after each chunk") {
  scored_model model;
  std::vector<std::size_t> done;
  double last = 0;
  const auto on_chunk = [&](const tulu::perplexity_result& so_far, std::size_t chunks) {
    CHECK(chunks == 3);
    CHECK(so_far.tokens == so_far.chunks * 3);
    done.push_back(so_far.chunks);
    last = so_far.perplexity();
  };
  const auto found = tulu::perplexity(model, make_ids(24), {.context = 8, .bos = {}, .on_chunk = on_chunk});
  CHECK(done == std::vector<std::size_t>{1, 2, 3});
  CHECK(last == found.perplexity());
}

TEST_CASE("perplexity: a request to stop") {
  scored_model model;
  std::stop_source source;
  tulu::perplexity_options options{.context = 8, .bos = {}};
  options.stop = source.get_token();
  options.on_chunk = [&](const tulu::perplexity_result&, std::size_t) { source.request_stop(); };
  CHECK_THROWS_AS(static_cast<void>(tulu::perplexity(model, make_ids(24), options)), tulu::cancelled);
  CHECK(model.scored.size() == 3);  // of the first chunk
}

TEST_CASE("perplexity: what cannot be worked out is refused") {
  CHECK(refusal(make_ids(7), {.context = 8, .bos = {}}) ==
        "perplexity: expected a text of at least 8 ids, the context, found one of 7");
  CHECK(refusal({}, {.context = 8, .bos = {}}).ends_with("found one of 0"));
  for (const std::size_t context : {std::size_t{0}, std::size_t{2}, std::size_t{65}})
    CHECK(refusal(make_ids(100), {.context = context, .bos = {}}) ==
          "perplexity: context: expected 3 to 64 ids, found " + std::to_string(context));
  ids_type ids = make_ids(8);
  ids.back() = vocabulary;  // never read by the model, only predicted
  CHECK(refusal(ids, {.context = 8, .bos = {}}) == "perplexity: token 7: expected an id below 20, found 20");
  CHECK(refusal(make_ids(8), {.context = 8, .bos = vocabulary}) == "scripted model: id 20");
  CHECK(refusal(make_ids(8), {.context = 8, .bos = {}}, std::numeric_limits<float>::quiet_NaN()) ==
        "logits: id 4: expected a number, found NaN");
  CHECK(refusal(make_ids(8), {.context = 8, .bos = {}}, std::numeric_limits<float>::infinity()) ==
        "logits: expected finite values, found +inf");
  CHECK(refusal(make_ids(64), {.context = 64, .bos = {}}).empty());
}

TEST_CASE("perplexity: an id that cannot be makes it infinite") {
  scored_model model;
  model.spoilt = -std::numeric_limits<float>::infinity();
  const ids_type ids(8, 4);
  CHECK(tulu::perplexity(model, ids, {.context = 8, .bos = {}}).perplexity() ==
        std::numeric_limits<double>::infinity());
}

}  // namespace perplexity_test
