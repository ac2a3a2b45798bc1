#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tulu::diff {

/// What an output was made from and how: (what, value) pairs such as {"dtype", "F16"} or
/// {"base/model.safetensors", "2695217152 bytes, modified 1700000000000000000"}. Two runs with equal identities write
/// the same bytes.
using identity = std::vector<std::pair<std::string, std::string>>;

/// The first difference in words, "dtype: expected F16, found F32", or "" when there is none.
[[nodiscard]] inline std::string first_difference(const identity& expected, const identity& found) {
  const auto value_in = [](const identity& pairs, const std::string& key) -> std::string {
    const auto at = std::find_if(pairs.begin(), pairs.end(), [&](const auto& pair) { return pair.first == key; });
    return at == pairs.end() ? "none" : at->second;
  };
  for (const identity* side : {&expected, &found})
    for (const auto& pair : *side) {
      const std::string a = value_in(expected, pair.first);
      const std::string b = value_in(found, pair.first);
      if (a != b) return pair.first + ": expected " + a + ", found " + b;
    }
  return {};
}

}  // namespace tulu::diff
