#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/core/error.hpp>

namespace tulu::detail {

/// A set of byte strings with values, walked byte by byte: a double array, in which the child of a node by a byte
/// stands at the node's base XOR the byte. It keeps no reference to the strings it was made from.
class byte_trie {
 public:
  using node = std::uint32_t;
  static constexpr std::uint32_t none = 0xFFFFFFFF;
  static constexpr node root = 0;

  struct key {
    std::string_view text;
    std::uint32_t value;  ///< `none`: the key is there, but nothing is found at it
  };

  byte_trie() : byte_trie{std::vector<key>{}} {}
  /// Like the tries of SentencePiece, which are built from C strings: a key ends before its first NUL, and of equal
  /// keys the one whose whole text sorts first counts. Empty keys are left out.
  explicit byte_trie(std::vector<key> keys) {
    std::sort(keys.begin(), keys.end(), [](const key& a, const key& b) { return a.text < b.text; });
    for (key& each : keys) each.text = each.text.substr(0, each.text.find('\0'));
    const auto same = [](const key& a, const key& b) { return a.text == b.text; };
    keys.erase(std::unique(keys.begin(), keys.end(), same), keys.end());
    std::erase_if(keys, [](const key& each) { return each.text.empty(); });
    build(keys);
  }

  [[nodiscard]] bool empty() const noexcept { return units_[root].base == 0; }

  /// The length of the longest key.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }

  /// The child of `from` by `byte`, or `none`.
  [[nodiscard]] node step(node from, char byte) const noexcept {
    const node to = units_[from].base ^ static_cast<unsigned char>(byte);
    return units_[to].parent == from ? to : none;
  }
  /// The value of the key that ends at `at`, or `none`.
  [[nodiscard]] std::uint32_t value(node at) const noexcept { return units_[at].value; }

  /// The number of units, each of 12 bytes.
  [[nodiscard]] std::size_t units() const noexcept { return units_.size(); }

 private:
  static constexpr std::size_t block_size = 256;
  static constexpr std::size_t most_open_blocks = 4;

  struct unit {
    node base = 0;
    node parent = none;
    std::uint32_t value = none;
  };
  /// The keys that share the path to a node.
  struct range {
    std::size_t begin;
    std::size_t end;
    std::size_t depth;
    node at;
  };
  /// A block of units that still takes children. A family of children never leaves its block.
  struct open_block {
    node start;
    std::array<std::uint64_t, block_size / 64> free{~0ULL, ~0ULL, ~0ULL, ~0ULL};

    [[nodiscard]] bool is_free(std::size_t place) const noexcept { return (free[place / 64] >> place % 64 & 1) != 0; }
    void take(std::size_t place) noexcept { free[place / 64] &= ~(std::uint64_t{1} << place % 64); }
    [[nodiscard]] bool is_full() const noexcept { return free == std::array<std::uint64_t, block_size / 64>{}; }
  };
  struct child {
    unsigned char byte;
    std::size_t begin;
  };

  void build(const std::vector<key>& keys) {
    std::vector<open_block> open;
    std::vector<child> children;
    std::vector<range> pending{{0, keys.size(), 0, root}};
    add_block(open);
    open[0].take(root);
    while (!pending.empty()) {
      range now = pending.back();
      pending.pop_back();
      if (now.begin != now.end && keys[now.begin].text.size() == now.depth)
        units_[now.at].value = keys[now.begin++].value;
      if (now.begin == now.end) continue;
      depth_ = std::max(depth_, now.depth + 1);
      find_children(keys, now, children);
      const node base = place(children, open);
      units_[now.at].base = base;
      for (std::size_t i = 0; i < children.size(); ++i) {
        const node at = base ^ children[i].byte;
        units_[at].parent = now.at;
        pending.push_back(
            {children[i].begin, i + 1 < children.size() ? children[i + 1].begin : now.end, now.depth + 1, at});
      }
    }
    units_.shrink_to_fit();
  }

  static void find_children(const std::vector<key>& keys, const range& now, std::vector<child>& children) {
    children.clear();
    for (std::size_t i = now.begin; i < now.end; ++i) {
      const auto byte = static_cast<unsigned char>(keys[i].text[now.depth]);
      if (children.empty() || children.back().byte != byte) children.push_back({byte, i});
    }
  }

  /// Takes room for `children` and returns their base, which is never 0: that marks a node without children.
  [[nodiscard]] node place(const std::vector<child>& children, std::vector<open_block>& open) {
    for (std::size_t i = open.size(); i-- > 0;) {
      const std::size_t base = find_base(children, open[i]);
      if (base != block_size) return take(children, open, i, base);
    }
    add_block(open);
    return take(children, open, open.size() - 1, 0);
  }
  /// A base in `block` at which the children's places are free, or block_size.
  [[nodiscard]] static std::size_t find_base(const std::vector<child>& children, const open_block& block) {
    for (std::size_t word = 0; word < block.free.size(); ++word) {
      for (std::uint64_t bits = block.free[word]; bits != 0; bits &= bits - 1) {
        const std::size_t base = (word * 64 + static_cast<std::size_t>(std::countr_zero(bits))) ^ children[0].byte;
        const auto is_free = [&](child c) { return block.is_free(base ^ c.byte); };
        if (block.start + base != 0 && std::all_of(children.begin() + 1, children.end(), is_free)) return base;
      }
    }
    return block_size;
  }
  [[nodiscard]] static node take(const std::vector<child>& children, std::vector<open_block>& open, std::size_t i,
                                 std::size_t base) {
    for (const child& c : children) open[i].take(base ^ c.byte);
    const node out = open[i].start + static_cast<node>(base);
    if (open[i].is_full()) open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
    return out;
  }
  void add_block(std::vector<open_block>& open) {
    if (units_.size() > none - block_size) throw error{"the pieces of the vocabulary are too long for one trie"};
    if (open.size() == most_open_blocks) open.erase(open.begin());
    open.push_back({static_cast<node>(units_.size())});
    units_.resize(units_.size() + block_size);
  }

  std::vector<unit> units_;
  std::size_t depth_ = 0;
};

}  // namespace tulu::detail
