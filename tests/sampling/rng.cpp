#include <cstdint>
#include <string>

#include <doctest/doctest.h>
#include <support/temp_dir.hpp>

#include <tulu/sampling/rng.hpp>

TEST_CASE("rng: the generator gives the numbers of the reference implementation of xoshiro256**") {
  tulu::rng generator = tulu::rng::from_state({1, 2, 3, 4});
  for (const std::uint64_t expected :
       {UINT64_C(11520), UINT64_C(0), UINT64_C(1509978240), UINT64_C(1215971899390074240),
        UINT64_C(1216172134540287360), UINT64_C(607988272756665600), UINT64_C(16172922978634559625),
        UINT64_C(8476171486693032832), UINT64_C(10595114339597558777), UINT64_C(2904607092377533576)})
    CHECK_EQ(generator.next(), expected);
}

TEST_CASE("rng: a seed becomes a state by splitmix64") {
  const tulu::rng generator{1477776061723855037};
  CHECK_EQ(generator.state()[0], UINT64_C(1985237415132408290));
  CHECK_EQ(generator.state()[1], UINT64_C(2979275885539914483));
  CHECK_EQ(generator.state()[2], UINT64_C(13511426838097143398));
  tulu::rng zero;
  CHECK_EQ(zero, tulu::rng{0});
  CHECK_EQ(zero.next(), UINT64_C(11091344671253066420));
}

TEST_CASE("rng: uniform numbers are in [0, 1) and spread evenly") {
  tulu::rng generator{5};
  constexpr int draws = 100000;
  int counts[10] = {};
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    const double number = generator.uniform();
    REQUIRE(number >= 0);
    REQUIRE(number < 1);
    ++counts[static_cast<int>(number * 10)];
    sum += number;
  }
  CHECK(sum / draws == doctest::Approx(0.5).epsilon(0.005));
  for (const int count : counts) CHECK(count == doctest::Approx(draws / 10).epsilon(0.05));
}

TEST_CASE("rng: a saved state goes on with the same numbers") {
  tulu::rng generator{9};
  for (int i = 0; i < 3; ++i) generator.next();
  const auto state = generator.state();
  tulu::rng restored = tulu::rng::from_state(state);
  CHECK_EQ(restored, generator);
  for (int i = 0; i < 100; ++i) CHECK_EQ(restored.next(), generator.next());
  CHECK_FALSE(tulu::rng{1} == tulu::rng{2});
}

TEST_CASE("rng: a state of zeros is refused") {
  CHECK_EQ(tulu::test::message_of([] { (void)tulu::rng::from_state({}); }),
           "random state: expected a word that is not zero, found only zeros");
}
