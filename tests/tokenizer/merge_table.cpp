#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/merge_table.hpp>
#include <tulu/tokenizer/text_index.hpp>

using tulu::detail::bpe_merge;
using tulu::detail::merge_table;

TEST_CASE("merge_table: pairs are found by their rank, of equal ones the last") {
  const std::vector<merge_table::rule> rules{{1, 2, 3}, {2, 1, 4}, {3, 3, 5}, {1, 2, 6}};
  const merge_table table{rules};
  CHECK(table.find(1, 2).priority == 3);
  CHECK(table.find(1, 2).id == 6);
  CHECK(table.find(2, 1).priority == 1);
  CHECK(table.find(3, 3).id == 5);
  CHECK(table.find(2, 3).priority == bpe_merge::never);
  constexpr auto none = tulu::detail::text_index::none;
  CHECK(table.find(none, none).priority == bpe_merge::never);
  CHECK(table.find(1, none).priority == bpe_merge::never);
  std::set<tulu::token_id> made;
  table.for_each([&](const bpe_merge& merge) { made.insert(merge.id); });
  CHECK(made == std::set<tulu::token_id>{4, 5, 6});
  CHECK(merge_table{{}}.find(0, 0).priority == bpe_merge::never);
}

TEST_CASE("merge_table: many rules") {
  std::vector<merge_table::rule> rules;
  for (tulu::token_id i = 0; i < 5000; ++i) rules.push_back({i % 97, i, i + 1});
  const merge_table table{rules};
  for (tulu::token_id i = 0; i < 5000; ++i) {
    CHECK(table.find(i % 97, i).priority == i);
    CHECK(table.find(i % 97 + 1, i).priority == bpe_merge::never);
  }
}
