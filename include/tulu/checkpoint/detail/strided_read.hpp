#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include <tulu/core/aligned_buffer.hpp>
#include <tulu/io/file.hpp>

namespace tulu::checkpoint::detail {

/// One axis of a box of elements: steps are in elements, in the file and in the (row-major) output.
struct strided_axis {
  std::size_t count;
  std::size_t from_step;
  std::size_t to_step;
};

/// Copies a tile of run × lines elements of `Bytes` bytes each from `from` to `to`.
template <std::size_t Bytes>
void scatter_tile(const std::byte* from, std::byte* to, strided_axis run, strided_axis lines) noexcept {
  if (lines.to_step < run.to_step) std::swap(run, lines);
  for (std::size_t j = 0; j < lines.count; ++j) {
    const std::byte* source = from + j * lines.from_step * Bytes;
    std::byte* target = to + j * lines.to_step * Bytes;
    if (run.from_step == 1 && run.to_step == 1) {
      std::memcpy(target, source, run.count * Bytes);
      continue;
    }
    for (std::size_t i = 0; i < run.count; ++i)
      std::memcpy(target + i * run.to_step * Bytes, source + i * run.from_step * Bytes, Bytes);
  }
}

/// Reads strided elements of a file into row-major order. The memory order decides what one pread takes: a run along
/// the axis of the smallest step, and as many of those runs as lie close together, in at most `scratch_bytes`.
class strided_reader {
 public:
  static constexpr std::size_t scratch_bytes = std::size_t{1} << 20;
  /// Reading over a gap of a page costs no more than a second pread.
  static constexpr std::size_t longest_gap = 4096;

  /// `offset` is the byte of the first element; `extents` and `steps` (in elements) have the same size. Every element
  /// lies inside the file. `element` is 1, 2, 4 or 8.
  strided_reader(const io::file& source, std::size_t offset, std::span<const std::size_t> extents,
                 std::span<const std::size_t> steps, std::size_t element)
      : source_{source},
        offset_{offset},
        extents_{extents},
        steps_{steps},
        element_{element},
        inner_(extents.size(), 1) {
    for (std::size_t axis = extents.size(); axis-- > 1;) inner_[axis - 1] = inner_[axis] * extents[axis];
  }

  /// The elements [first, first + count) of the tensor, count > 0. The range is cut into boxes: a part of one axis and
  /// all of the axes inside it.
  void read(std::size_t first, std::size_t count, std::byte* out) {
    while (count > 0) {
      std::size_t axis = inner_.size() - 1;
      while (axis > 0 && first % inner_[axis - 1] == 0 && count >= inner_[axis - 1]) --axis;
      const std::size_t begin = first / inner_[axis] % extents_[axis];
      const std::size_t taken = std::min(extents_[axis] - begin, count / inner_[axis]);
      read_box(first, axis, taken, out);
      first += taken * inner_[axis];
      count -= taken * inner_[axis];
      out += taken * inner_[axis] * element_;
    }
  }

 private:
  void read_box(std::size_t first, std::size_t axis, std::size_t taken, std::byte* out) {
    std::size_t at = 0;
    for (std::size_t a = 0; a <= axis; ++a) at += first / inner_[a] % extents_[a] * steps_[a];
    axes_.clear();
    for (std::size_t a = axis; a < inner_.size(); ++a)
      if (const std::size_t n = a == axis ? taken : extents_[a]; n > 1) axes_.push_back({n, steps_[a], inner_[a]});
    while (axes_.size() < 2) axes_.push_back({1, 0, 0});
    std::sort(axes_.begin(), axes_.end(), [](const strided_axis& a, const strided_axis& b) {
      return (a.from_step == 0 ? ~std::size_t{0} : a.from_step) < (b.from_step == 0 ? ~std::size_t{0} : b.from_step);
    });
    // A repeated axis needs no bytes of its own: it goes along with the run.
    if (axes_.size() > 2)
      std::iter_swap(axes_.begin() + 1, std::max_element(axes_.begin() + 1, axes_.end(), repeats_more));
    outer_.assign(axes_.size(), 0);
    do {
      std::size_t from = at;
      std::size_t to = 0;
      for (std::size_t a = 2; a < axes_.size(); ++a) {
        from += outer_[a] * axes_[a].from_step;
        to += outer_[a] * axes_[a].to_step;
      }
      read_plane(from, out + to * element_);
    } while (advance());
  }

  static bool repeats_more(const strided_axis& a, const strided_axis& b) noexcept {
    return (a.from_step == 0 ? a.count : 0) < (b.from_step == 0 ? b.count : 0);
  }

  /// Steps the index over the axes outside the plane; false after the last.
  [[nodiscard]] bool advance() noexcept {
    for (std::size_t a = 2; a < axes_.size(); ++a) {
      if (++outer_[a] < axes_[a].count) return true;
      outer_[a] = 0;
    }
    return false;
  }

  /// The plane of the first two axes, in tiles that fit the scratch.
  void read_plane(std::size_t from, std::byte* out) {
    const strided_axis run = axes_[0];
    const strided_axis lines = axes_[1];
    const std::size_t run_tile = longest_part(run, 1);
    const std::size_t line_tile = run_tile < run.count ? 1 : longest_part(lines, span_of(run, run_tile));
    for (std::size_t j = 0; j < lines.count; j += line_tile) {
      for (std::size_t i = 0; i < run.count; i += run_tile) {
        const strided_axis run_part{std::min(run_tile, run.count - i), run.from_step, run.to_step};
        const strided_axis line_part{std::min(line_tile, lines.count - j), lines.from_step, lines.to_step};
        read_tile(from + i * run.from_step + j * lines.from_step,
                  out + (i * run.to_step + j * lines.to_step) * element_, run_part, line_part);
      }
    }
  }

  /// Elements from the first to the last of `count` along `axis`, both included.
  [[nodiscard]] static std::size_t span_of(const strided_axis& axis, std::size_t count) noexcept {
    return (count - 1) * axis.from_step + 1;
  }

  /// How many blocks of `block` elements along `axis` one pread takes.
  [[nodiscard]] std::size_t longest_part(const strided_axis& axis, std::size_t block) const noexcept {
    if (axis.from_step == 0) return axis.count;
    if (axis.from_step > block && axis.from_step - block > longest_gap / element_) return 1;
    const std::size_t room = scratch_bytes / element_ - std::min(block, scratch_bytes / element_);
    return std::min(axis.count, 1 + room / axis.from_step);
  }

  void read_tile(std::size_t from, std::byte* out, strided_axis run, strided_axis lines) {
    const std::size_t bytes = (span_of(run, run.count) + span_of(lines, lines.count) - 1) * element_;
    if (scratch_.size() < bytes) scratch_ = aligned_buffer{std::min(2 * bytes, scratch_bytes)};
    source_.read(offset_ + from * element_, scratch_.bytes().first(bytes));
    switch (element_) {
      case 1:
        return scatter_tile<1>(scratch_.data(), out, run, lines);
      case 2:
        return scatter_tile<2>(scratch_.data(), out, run, lines);
      case 4:
        return scatter_tile<4>(scratch_.data(), out, run, lines);
      default:
        return scatter_tile<8>(scratch_.data(), out, run, lines);
    }
  }

  const io::file& source_;
  std::size_t offset_;
  std::span<const std::size_t> extents_;
  std::span<const std::size_t> steps_;
  std::size_t element_;
  std::vector<std::size_t> inner_;  ///< elements of one step along each axis, in row-major order
  std::vector<strided_axis> axes_;
  std::vector<std::size_t> outer_;
  aligned_buffer scratch_;
};

}  // namespace tulu::checkpoint::detail
