#include <limits>
#include <string>

#include <doctest/doctest.h>
#include <support/temp_dir.hpp>

#include <tulu/sampling/options.hpp>

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

std::string refusal(float tulu::sampling_options::*option, float value) {
  tulu::sampling_options options;
  options.*option = value;
  return tulu::test::message_of([&] { tulu::check(options); });
}

}  // namespace

TEST_CASE("options: the defaults and the limits of each option are accepted") {
  using options = tulu::sampling_options;
  CHECK_EQ(tulu::test::message_of([] { tulu::check(options{}); }), "");
  for (const auto option : {&options::top_p, &options::min_p})
    for (const float value : {0.0F, 0.5F, 1.0F}) CHECK_EQ(refusal(option, value), "");
  for (const float value : {0.0F, 1e-30F, 100.0F}) CHECK_EQ(refusal(&options::temperature, value), "");
  for (const float value : {1e-30F, 1.0F}) CHECK_EQ(refusal(&options::typical_p, value), "");
  for (const float value : {0.5F, 1.0F, 1e6F}) CHECK_EQ(refusal(&options::repetition_penalty, value), "");
  for (const float value : {-2.0F, 1e6F, -1e6F}) CHECK_EQ(refusal(&options::presence_penalty, value), "");
}

TEST_CASE("options: an option outside its range is refused by name, with what was expected and found") {
  using options = tulu::sampling_options;
  CHECK_EQ(refusal(&options::temperature, -0.5F), "temperature: expected a finite number, at least 0, found -0.5");
  CHECK_EQ(refusal(&options::top_p, 1.5F), "top_p: expected a number from 0 to 1, found 1.5");
  CHECK_EQ(refusal(&options::min_p, -1), "min_p: expected a number from 0 to 1, found -1");
  CHECK_EQ(refusal(&options::typical_p, 0), "typical_p: expected a number above 0, at most 1, found 0");
  CHECK_EQ(refusal(&options::repetition_penalty, 0),
           "repetition_penalty: expected a number above 0, at most 1e6, found 0");
  CHECK_EQ(refusal(&options::presence_penalty, infinity),
           "presence_penalty: expected a number from -1e6 to 1e6, found inf");
  CHECK_EQ(refusal(&options::frequency_penalty, -2e6F),
           "frequency_penalty: expected a number from -1e6 to 1e6, found -2e+06");
}

TEST_CASE("options: NaN is refused for every option, and so is infinity") {
  using options = tulu::sampling_options;
  for (const auto option : {&options::temperature, &options::top_p, &options::min_p, &options::typical_p,
                            &options::repetition_penalty, &options::presence_penalty, &options::frequency_penalty})
    for (const float value : {not_a_number, infinity, -infinity}) CHECK_NE(refusal(option, value), "");
}

TEST_CASE("options: a bias is finite or -inf") {
  tulu::sampling_options options;
  const auto message = [&] { return tulu::test::message_of([&] { tulu::check(options); }); };
  options.logit_bias = {{1, -infinity}, {2, -100}};
  CHECK_EQ(message(), "");
  options.logit_bias.emplace_back(3, infinity);
  CHECK_EQ(message(), "logit_bias: expected a finite number or -inf, found inf");
  options.logit_bias.back().second = not_a_number;
  CHECK_EQ(message(), "logit_bias: expected a finite number or -inf, found nan");
}
