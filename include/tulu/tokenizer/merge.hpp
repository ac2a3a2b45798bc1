#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <tulu/tokenizer/encode_workspace.hpp>

namespace tulu::detail {

/// Byte-pair encoding of `text` as it is defined: of all pairs of neighbours that can merge, the one with the smallest
/// priority, the leftmost of these, is merged; until there is none. Afterwards `symbols` tile the text. `scratch` is
/// memory to reuse. Quadratic in the number of characters: for words, and for windows of longer texts.
template <class Merges>
void merge_symbols(const Merges& merges, std::string_view text, std::vector<bpe_symbol>& symbols,
                   std::vector<bpe_merge>& scratch) {
  merges.split(text, symbols);
  scratch.clear();
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) scratch.push_back(merges.find(text, symbols[i], symbols[i + 1]));
  for (;;) {
    std::size_t best = 0;
    std::uint32_t priority = bpe_merge::never;
    for (std::size_t i = 0; i < scratch.size(); ++i) {
      if (scratch[i].priority < priority) {
        priority = scratch[i].priority;
        best = i;
      }
    }
    if (priority == bpe_merge::never) return;
    symbols[best] = {symbols[best].begin, symbols[best + 1].end, scratch[best].id};
    const auto at = static_cast<std::ptrdiff_t>(best);
    symbols.erase(symbols.begin() + at + 1);
    scratch.erase(scratch.begin() + at);
    if (best > 0) scratch[best - 1] = merges.find(text, symbols[best - 1], symbols[best]);
    if (best < scratch.size()) scratch[best] = merges.find(text, symbols[best], symbols[best + 1]);
  }
}

}  // namespace tulu::detail
