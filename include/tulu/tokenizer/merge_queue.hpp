#pragma once

#include <cstddef>
#include <cstdint>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tulu/tokenizer/encode_workspace.hpp>
#include <tulu/tokenizer/text_index.hpp>
#include <tulu/tokenizer/vocabulary.hpp>

namespace tulu::detail {

/// Byte-pair encoding of a text as a whole, in n log n time, with memory that grows with the text: for the few models
/// and texts that cannot be taken in parts.
///
/// SentencePiece's unused pieces take part in merging, and those left in the end are split again into what they could
/// be made of, as last seen anywhere in the text.
template <class Merges>
class merge_queue {
 public:
  explicit merge_queue(const Merges& merges) noexcept : merges_{merges} {}

  /// Calls visit(symbol) for the parts that `text`, spelled like the pieces, is encoded to.
  template <class Visit>
  void encode(std::string_view text, Visit&& visit) {
    text_ = text;
    merges_.split(text, symbols_);
    links_.clear();
    for (std::size_t i = 0; i < symbols_.size(); ++i) links_.push_back({i - 1, i + 1});
    for (std::size_t i = 0; i + 1 < symbols_.size(); ++i) propose(i, i + 1);
    merge_all();
    for (std::size_t i = 0; i < symbols_.size(); i = links_[i].next) resegment(symbols_[i], visit);
  }

 private:
  struct link {
    std::size_t previous, next;
  };
  struct proposal {
    bpe_merge merge;
    std::size_t left, right;
    std::uint32_t end;  ///< of the joined text

    /// Whether `other` comes first, as std::priority_queue asks.
    bool operator<(const proposal& other) const noexcept {
      return merge.priority != other.merge.priority ? merge.priority > other.merge.priority : left > other.left;
    }
  };

  void propose(std::size_t left, std::size_t right) {
    const bpe_merge merge = merges_.find(text_, symbols_[left], symbols_[right]);
    if (merge.priority == bpe_merge::never) return;
    proposals_.push({merge, left, right, symbols_[right].end});
    if (is_unused(merge.id)) split_at_[part(symbols_[left].begin, symbols_[right].end)] = size(symbols_[left]);
  }
  void merge_all() {
    while (!proposals_.empty()) {
      const proposal best = proposals_.top();
      proposals_.pop();
      // One of the two has grown, or is gone, since.
      if (size(symbols_[best.left]) == 0 || links_[best.left].next != best.right ||
          symbols_[best.right].end != best.end)
        continue;
      symbols_[best.left] = {symbols_[best.left].begin, best.end, best.merge.id};
      symbols_[best.right].end = symbols_[best.right].begin;
      const std::size_t after = links_[best.right].next;
      links_[best.left].next = after;
      if (after < symbols_.size()) links_[after].previous = best.left;
      if (links_[best.left].previous < symbols_.size()) propose(links_[best.left].previous, best.left);
      if (after < symbols_.size()) propose(best.left, after);
    }
  }
  template <class Visit>
  void resegment(const bpe_symbol& symbol, Visit& visit) {
    const auto id = merges_.piece_of(text_, symbol);
    const auto split = split_at_.find(part(symbol.begin, symbol.end));
    if (!id || !is_unused(*id) || split == split_at_.end()) return visit(symbol);
    const std::uint32_t middle = symbol.begin + split->second;
    resegment(symbol_of(symbol.begin, middle), visit);
    resegment(symbol_of(middle, symbol.end), visit);
  }

  [[nodiscard]] bool is_unused(token_id id) const noexcept {
    if constexpr (requires { merges_.is_unused(id); }) return merges_.is_unused(id);
    return false;
  }
  [[nodiscard]] std::string_view part(std::uint32_t begin, std::uint32_t end) const noexcept {
    return text_.substr(begin, end - begin);
  }
  [[nodiscard]] static std::uint32_t size(const bpe_symbol& symbol) noexcept { return symbol.end - symbol.begin; }
  [[nodiscard]] static bpe_symbol symbol_of(std::uint32_t begin, std::uint32_t end) noexcept {
    return {begin, end, text_index::none};
  }

  const Merges& merges_;
  std::string_view text_;
  std::vector<bpe_symbol> symbols_;
  std::vector<link> links_;
  std::priority_queue<proposal> proposals_;
  std::unordered_map<std::string_view, std::uint32_t> split_at_;
};

}  // namespace tulu::detail
