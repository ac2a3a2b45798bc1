#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::kernel {

/// The panels of a matrix whose rows lie in a mapped file, packed when they are used. The first products are lent
/// theirs in memory of the caller: to touch as much new memory as the weights have takes longer than a short prompt,
/// and nobody has to wait for it at once. Later ones pack for good. The bits of a panel are the same wherever it lies.
///
/// Threads may call at once, as long as the rows are mapped.
class deferred_panels {
 public:
  /// `rows` are those of the matrix one after the other, in pages of a shared mapping of a file, which are given back
  /// when all panels are kept. The first `lent` products keep nothing. Throws std::bad_alloc.
  deferred_panels(dtype type, std::span<const std::byte> rows, std::size_t columns, unsigned lent)
      : type_{type},
        columns_{columns},
        lent_{lent},
        row_bytes_{bytes_of(type, columns)},
        rows_{rows},
        states_((rows.size() / row_bytes_ + panel_rows - 1) / panel_rows),
        kept_{states_.size() * panel_bytes()} {}

  /// Where all panels lie once they are kept.
  [[nodiscard]] const std::byte* data() const noexcept { return kept_.data(); }
  [[nodiscard]] bool all_kept() const noexcept { return kept_count_.load(std::memory_order_acquire) == states_.size(); }
  /// Row `index`, as it lies in the file.
  [[nodiscard]] const std::byte* row(std::size_t index) const noexcept { return rows_.data() + index * row_bytes_; }

  /// The panels with rows [first, first + count), for one use: `first` is a multiple of panel_rows, and `room` has
  /// space for as many. A product begins with the use whose `first` is 0.
  [[nodiscard]] const std::byte* get(std::size_t first, std::size_t count, std::byte* room) noexcept {
    const std::size_t from = first / panel_rows, to = (first + count + panel_rows - 1) / panel_rows;
    if (first == 0 && products_.load(std::memory_order_relaxed) <= lent_)
      products_.fetch_add(1, std::memory_order_relaxed);
    bool kept = products_.load(std::memory_order_relaxed) > lent_;
    for (std::size_t panel = from; panel < to && kept; ++panel) kept = keep(panel);
    if (kept) return kept_.data() + from * panel_bytes();
    pack(from, to, room);
    return room;
  }

 private:
  enum class state : std::uint8_t { absent, being_packed, kept };

  [[nodiscard]] std::size_t panel_bytes() const noexcept { return panels_bytes(type_, panel_rows, columns_); }

  void pack(std::size_t from, std::size_t to, std::byte* out) const noexcept {
    const std::size_t rows = rows_.size() / row_bytes_, first = from * panel_rows;
    pack_panels(type_, row(first), std::min(to * panel_rows, rows) - first, columns_, out);
  }

  /// Whether the panel is kept now: not while another thread packs it.
  [[nodiscard]] bool keep(std::size_t panel) noexcept {
    std::atomic<state>& now = states_[panel];
    state found = now.load(std::memory_order_acquire);
    if (found != state::absent) return found == state::kept;
    if (!now.compare_exchange_strong(found, state::being_packed, std::memory_order_acquire))
      return found == state::kept;
    pack(panel, panel + 1, kept_.data() + panel * panel_bytes());
    now.store(state::kept, std::memory_order_release);
    if (kept_count_.fetch_add(1, std::memory_order_acq_rel) + 1 == states_.size()) give_rows_back();
    return true;
  }

  /// The whole pages among those of the rows.
  void give_rows_back() const noexcept {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    const auto from = reinterpret_cast<std::uintptr_t>(rows_.data());
    const std::uintptr_t first = (from + page - 1) / page * page, end = (from + rows_.size()) / page * page;
    if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }

  dtype type_;
  std::size_t columns_;
  unsigned lent_;
  std::size_t row_bytes_;
  std::span<const std::byte> rows_;
  std::atomic<unsigned> products_ = 0;  ///< begun, as far as lent_ + 1
  std::atomic<std::size_t> kept_count_ = 0;
  std::vector<std::atomic<state>> states_;  ///< of the panels
  aligned_buffer kept_;
};

}  // namespace tulu::kernel
