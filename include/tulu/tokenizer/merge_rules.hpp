#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>
#include <tulu/tokenizer/merge_table.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// The two sides of a merge that is written "a b"; nothing when it is not written so.
[[nodiscard]] inline std::optional<std::pair<std::string_view, std::string_view>> split_merge(
    std::string_view merge) noexcept {
  const std::size_t blank = merge.find(' ');
  if (blank == merge.npos || blank == 0 || blank + 1 == merge.size() || merge.find(' ', blank + 1) != merge.npos)
    return std::nullopt;
  return std::pair{merge.substr(0, blank), merge.substr(blank + 1)};
}

/// The rule that joins `left` and `right`; text_index::none for a side or a result that is no piece of `index`.
/// `joined` is room for their texts together.
[[nodiscard]] inline merge_table::rule find_rule(const text_index& index, std::string_view left, std::string_view right,
                                                 std::string& joined) {
  joined.assign(left).append(right);
  return {index.find(left), index.find(right), index.find(joined)};
}

/// The rules of merges "a b" (GGUF) between pieces of `pieces`, in their order. `merges` is a range of texts. An error,
/// which names `file`, `place` and the number of the merge, for one that is none or that has no pieces.
template <class Merges>
[[nodiscard]] std::vector<merge_table::rule> merge_rules_of(const vocabulary& pieces, const Merges& merges,
                                                            std::string_view file, std::string_view place) {
  text_index index{pieces.size()};
  for (token_id id = 0; id < pieces.size(); ++id)
    if (!pieces.text(id).empty()) index.insert(pieces.text(id), id);
  std::vector<merge_table::rule> rules;
  std::string joined;
  for (const std::string_view merge : merges) {
    const auto sides = split_merge(merge);
    merge_table::rule rule{text_index::none, text_index::none, text_index::none};
    if (sides) rule = find_rule(index, sides->first, sides->second, joined);
    if (rule.left == text_index::none || rule.right == text_index::none || rule.result == text_index::none)
      throw mismatch_error(file, std::string{place} + "[" + std::to_string(rules.size()) + "]",
                           "two pieces that make a piece of the vocabulary", printable(merge, 60));
    rules.push_back(rule);
  }
  return rules;
}

}  // namespace tulu::detail
