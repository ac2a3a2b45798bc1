#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tulu/core/utf8.hpp>

namespace tulu::test {

/// Byte-pair encoding word for word: merge(left, right) says whether two texts may merge and how early (smaller first),
/// by a pointer or nullptr; of all neighbours of the whole text the earliest, the leftmost of these, is merged.
/// Returns the texts that are left. Quadratic and obvious.
template <class Merge>
[[nodiscard]] std::vector<std::string> reference_bpe(std::string_view text, Merge&& merge) {
  std::vector<std::string> symbols;
  while (!text.empty()) {
    const std::size_t length = read_utf8(text).length;
    symbols.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  for (;;) {
    std::size_t best = symbols.size();
    double earliest = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const double* const order = merge(symbols[i], symbols[i + 1]);
      if (order != nullptr && (best == symbols.size() || *order < earliest)) {
        best = i;
        earliest = *order;
      }
    }
    if (best == symbols.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

}  // namespace tulu::test
