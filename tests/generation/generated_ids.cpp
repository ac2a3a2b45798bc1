#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/proto_tokenizer.hpp"
#include <tulu/generation/generated_ids.hpp>

namespace generated_ids_test {

using ids = std::vector<tulu::token_id>;

constexpr tulu::token_id eos = 2;
constexpr tulu::token_id ab = 259, c = 260;
constexpr tulu::token_id byte_id(unsigned char byte) {
  return 3U + byte;
}
const ids spelled_ab{byte_id('a'), byte_id('b')};

tulu::generated_ids made() {
  return tulu::generated_ids{tulu::test::tokenizer_of(tulu::test::llama_proto({"ab", "c"}))};
}

TEST_CASE("generated ids take the place of ids of the same bytes") {
  tulu::generated_ids answers = made();
  answers.add({1, c}, spelled_ab, "ab");
  CHECK(answers.put_into(ids{1, c, ab, eos, c}) == ids{1, c, byte_id('a'), byte_id('b'), eos, c});
  answers.add({1, c, ab, eos, c}, spelled_ab, "ab");
  CHECK(answers.put_into(ids{1, c, ab, eos, c, ab, c}) ==
        ids{1, c, byte_id('a'), byte_id('b'), eos, c, byte_id('a'), byte_id('b'), c});
}

TEST_CASE("where the bytes differ, the ids stay as they are") {
  tulu::generated_ids answers = made();
  answers.add({1, c}, {byte_id('a'), byte_id('b'), byte_id('c')}, "abc");
  CHECK(answers.put_into(ids{1, c, ab}) == ids{1, c, ab});
  CHECK(answers.put_into(ids{1, c, ab, ab}) == ids{1, c, ab, ab});
  CHECK(answers.put_into(ids{1, c, ab, c}) == ids{1, c, byte_id('a'), byte_id('b'), byte_id('c')});
}

TEST_CASE("an answer does not reach over a special token") {
  tulu::generated_ids answers = made();
  answers.add({1, c}, {byte_id('a'), byte_id('b'), c}, "abc");
  CHECK(answers.put_into(ids{1, c, ab, eos, c}) == ids{1, c, ab, eos, c});
}

TEST_CASE("ids that spell something else than the answer do not count") {
  tulu::generated_ids answers = made();
  answers.add({1, c}, {byte_id('a'), byte_id('b'), c}, "ab");
  CHECK(answers.put_into(ids{1, c, ab, c}) == ids{1, c, ab, c});
}

TEST_CASE("only answers after the same beginning count") {
  tulu::generated_ids answers = made();
  answers.add({1, c}, spelled_ab, "ab");
  answers.add({1, c, ab, eos, c, c}, spelled_ab, "ab");
  CHECK(answers.put_into(ids{1, ab, ab, eos}) == ids{1, ab, ab, eos});
  CHECK(answers.put_into(ids{1, c, ab, eos, c, ab, ab}) == ids{1, c, byte_id('a'), byte_id('b'), eos, c, ab, ab});
  CHECK(answers.put_into(ids{1, c}) == ids{1, c});
  CHECK(answers.put_into(ids{}).empty());
}

TEST_CASE("another answer to the same prompt takes the place of the first") {
  tulu::generated_ids answers = made();
  answers.add({1, c}, spelled_ab, "ab");
  answers.add({1, c}, {byte_id('c')}, "c");
  CHECK(answers.put_into(ids{1, c, ab, eos}) == ids{1, c, ab, eos});
  CHECK(answers.put_into(ids{1, c, c, eos}) == ids{1, c, byte_id('c'), eos});
}

}  // namespace generated_ids_test
