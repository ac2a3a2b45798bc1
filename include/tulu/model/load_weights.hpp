#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/checkpoint/rotary_rows.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/error.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/io/file.hpp>
#include <tulu/kernel/panels.hpp>
#include <tulu/kernel/weight_matrix.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/load_options.hpp>
#include <tulu/model/quantised_type.hpp>
#include <tulu/model/weight_place.hpp>
#include <tulu/model/weight_slots.hpp>
#include <tulu/tensor/block_codec.hpp>
#include <tulu/tensor/dtype.hpp>
#include <tulu/tensor/nonfinite.hpp>
#include <tulu/tensor/nonfinite_blocks.hpp>

namespace tulu {

namespace detail {

/// Loads the tensors of one checkpoint, in pieces that the threads share.
class weight_loader {
 public:
  weight_loader(const checkpoint::catalogue& model, llama_config config, const load_options& options, executor& workers)
      : model_{model}, options_{options}, workers_{workers}, weights_{std::make_shared<llama_weights>()} {
    weights_->config = std::move(config);
  }

  [[nodiscard]] std::shared_ptr<const llama_weights> load() {
    visit_needed(model_, weights_->config, [](const weight_slot&, const checkpoint::stored_tensor&) {});
    plan();
    if (weights_->config.tie_word_embeddings) tie();
    workers_.parallel_for(pieces_.size(),
                          [this](std::size_t index, std::size_t thread) { load_piece(pieces_[index], thread); });
    warn_of_ignored();
    warn_of_fallbacks();
    for (const item& each : items_) warn_of_nonfinite(each);
    return weights_;
  }

 private:
  static constexpr std::size_t piece_elements = std::size_t{1} << 19;

  /// A tensor to be loaded.
  struct item {
    const checkpoint::stored_tensor* tensor = nullptr;
    kernel::weight_matrix matrix{};
    const std::byte* mapped = nullptr;  ///< where it lies in the file, or null
    std::byte* copy = nullptr;          ///< else where it goes, the data of the matrix
    nonfinite_count stored{}, converted{};
  };
  struct piece {
    std::size_t item = 0;
    std::size_t first = 0;
    std::size_t count = 0;
  };

  /// Every slot gets its memory.
  void plan() {
    weights_->layers.resize(weights_->config.num_hidden_layers);
    visit_slots(
        model_, *weights_, [this](std::size_t i) -> llama_layer& { return weights_->layers[i]; },
        [this](const weight_slot& slot, const checkpoint::stored_tensor& tensor) { add(slot, tensor); });
    if (std::any_of(items_.begin(), items_.end(), [](const item& each) { return each.mapped != nullptr; }))
      weights_->files.assign(model_.files().begin(), model_.files().end());
    for (const piece& each : pieces_) largest_piece_ = std::max(largest_piece_, each.count);
    for (std::size_t i = 0; i < workers_.threads(); ++i)
      scratch_.push_back(allocate(3 * largest_piece_ * sizeof(float)));
  }

  void add(const weight_slot& slot, const checkpoint::stored_tensor& tensor) {
    const weight_place place = place_of(weights_->config, slot, tensor, options_.weights, options_.layout);
    fallbacks_.add(place.chosen, tensor.extents());
    item next{.tensor = &tensor, .matrix = place.matrix};
    kernel::weight_matrix& matrix = next.matrix;
    if (place.mapped) next.mapped = matrix.data = place.mapped->bytes.data();
    if (place.defers()) defer(matrix, place.mapped->bytes);
    if (!place.mapped) {
      weights_->buffers.push_back(allocate(matrix.bytes()));
      matrix.data = next.copy = weights_->buffers.back().data();
    }
    if (slot.matrix != nullptr) *slot.matrix = matrix;
    if (slot.vector != nullptr) *slot.vector = reinterpret_cast<const float*>(matrix.data);
    items_.push_back(next);
    if (!place.mapped || options_.check_numbers) divide(items_.size() - 1);
  }

  /// Makes pieces of an item.
  void divide(std::size_t index) {
    const kernel::weight_matrix& matrix = items_[index].matrix;
    const checkpoint::stored_tensor& tensor = *items_[index].tensor;
    std::size_t step = piece_elements;
    if (matrix.in_panels()) {
      const std::size_t panel = kernel::panel_rows * matrix.columns;
      step = std::max<std::size_t>(1, piece_elements / panel) * panel;
    }
    for (std::size_t first = 0; first < tensor.size(); first += step)
      pieces_.push_back({index, first, std::min(step, tensor.size() - first)});
    total_ += tensor.bytes();
  }

  [[nodiscard]] auto or_too_large(std::size_t bytes, auto&& make) const {
    try {
      return make();
    } catch (const std::bad_alloc&) {
      throw error{model_.path().string() + ": not enough memory for " + std::to_string(bytes) + " bytes of weights"};
    }
  }

  [[nodiscard]] aligned_buffer allocate(std::size_t bytes) const {
    return or_too_large(bytes, [&] { return aligned_buffer{bytes}; });
  }

  /// The panels of some matrices are kept from the second product on, those of others one, two or three later: else the
  /// second token would wait for all of them.
  void defer(kernel::weight_matrix& matrix, std::span<const std::byte> rows) {
    const auto lent = static_cast<unsigned>(1 + weights_->deferred.size() % 4);
    weights_->deferred.push_back(or_too_large(matrix.bytes(), [&] {
      return std::make_unique<kernel::deferred_panels>(matrix.type, rows, matrix.columns, lent);
    }));
    matrix.deferred = weights_->deferred.back().get();
    matrix.data = matrix.deferred->data();
  }

  void load_piece(const piece& part, std::size_t thread) {
    if (options_.stop.stop_requested()) throw cancelled{};
    item& target = items_[part.item];
    const dtype type = target.matrix.type;
    const bool packs = target.matrix.in_panels();
    const dtype stored_type = target.tensor->type();
    const std::size_t stored_bytes = bytes_of(stored_type, part.count);
    std::span<const std::byte> stored;
    nonfinite_count after;
    if (target.mapped != nullptr) {
      stored = {target.mapped + bytes_of(stored_type, part.first), stored_bytes};
    } else {
      std::byte* const to = packs ? scratch_[thread].data() + 2 * largest_piece_ * sizeof(float)
                                  : target.copy + bytes_of(type, part.first);
      const std::span out{to, bytes_of(type, part.count)};
      const bool converts = type != stored_type;
      const std::span room{converts ? scratch_[thread].data() : out.data(), stored_bytes};
      target.tensor->read(part.first, part.count, room);
      if (converts) convert(room.data(), stored_type, out.data(), type, part.count, thread);
      if (converts && can_overflow(type)) after = count_nonfinite_weights(type, out);
      stored = room;
      if (packs) pack(target, part, to);
    }
    finish_piece(target, part, count_nonfinite_weights(stored_type, stored), after, stored_bytes);
  }

  static void pack(const item& target, const piece& part, const std::byte* rows) noexcept {
    const kernel::weight_matrix& matrix = target.matrix;
    kernel::pack_panels(matrix.type, rows, part.count / matrix.columns, matrix.columns,
                        target.copy + matrix.bytes_of_rows(part.first / matrix.columns));
  }

  /// By way of float32, unless the conversion knows a shorter one.
  void convert(const std::byte* in, dtype from, std::byte* out, dtype to, std::size_t count, std::size_t thread) {
    const auto& conversion = *options_.conversion;
    if (!is_block_type(from) && !is_block_type(to)) return conversion.converter(from, to)(in, out, count);
    std::byte* const middle = to == dtype::f32 ? out : scratch_[thread].data() + largest_piece_ * sizeof(float);
    auto* const floats = reinterpret_cast<float*>(middle);
    if (is_block_type(from)) {
      decode(from, in, floats, count);
    } else {
      conversion.converter(from, dtype::f32)(in, middle, count);
    }
    if (is_block_type(to)) {
      encode(to, floats, out, count);
    } else if (to != dtype::f32) {
      conversion.converter(dtype::f32, to)(middle, out, count);
    }
  }

  /// Whether numbers of that type, or its scales, are float16.
  [[nodiscard]] static bool can_overflow(dtype type) noexcept { return type == dtype::f16 || is_block_type(type); }

  void finish_piece(item& target, const piece& part, const nonfinite_count& found, const nonfinite_count& after,
                    std::size_t bytes) {
    const std::lock_guard lock{mutex_};
    target.stored.merge(found, part.first);
    target.converted.merge(after, part.first);
    done_ += bytes;
    if (options_.on_progress) options_.on_progress(done_, total_);
  }

  /// A tied model that stores both matrices stores one twice: else there is no telling which one is meant (versions of
  /// transformers differ).
  void tie() {
    weights_->lm_head = weights_->embed_tokens;
    const auto* const embed = model_.find(checkpoint::embed_name);
    const auto* const head = model_.find(checkpoint::head_name);
    if (embed == nullptr || head == nullptr) return;
    const bool alike = head->type() == embed->type() && head->extents() == embed->extents();
    if (!alike || !same_elements(*embed, *head))
      throw mismatch_error(head->file().path().string(), checkpoint::head_name,
                           "the same as " + std::string{checkpoint::embed_name} + ", for " + weights_->config.file +
                               " says tie_word_embeddings",
                           alike ? "other values" : std::string{name(head->type())} + " " + to_string(head->extents()));
  }

  [[nodiscard]] bool same_elements(const checkpoint::stored_tensor& a, const checkpoint::stored_tensor& b) const {
    constexpr std::size_t window = std::size_t{1} << 18;
    aligned_buffer of_a{bytes_of(a.type(), window)}, of_b{bytes_of(a.type(), window)};
    for (std::size_t first = 0; first < a.size(); first += window) {
      if (options_.stop.stop_requested()) throw cancelled{};
      const std::size_t count = std::min(window, a.size() - first);
      const std::size_t bytes = bytes_of(a.type(), count);
      a.read(first, count, of_a.bytes().first(bytes));
      b.read(first, count, of_b.bytes().first(bytes));
      if (std::memcmp(of_a.data(), of_b.data(), bytes) != 0) return false;
    }
    return true;
  }

  void warn_of_ignored() {
    if (auto line = describe_ignored(model_, weights_->config)) weights_->warnings.push_back(std::move(*line));
  }

  void warn_of_fallbacks() {
    if (const auto line = fallbacks_.line()) weights_->warnings.push_back(model_.path().string() + ": " + *line);
  }

  /// The index of an element that has index `stored` where the rows of pairs lie side by side.
  [[nodiscard]] std::size_t index_in_halves(const checkpoint::stored_tensor& tensor, std::size_t stored) const {
    using checkpoint::rotary_order;
    const std::size_t columns = tensor.extents()[1], size = weights_->config.head_dim;
    const std::size_t row = stored / columns, inside = row % size;
    return (row - inside + checkpoint::rotary_row(inside, size, rotary_order::halves, rotary_order::pairs)) * columns +
           stored % columns;
  }

  void warn_of_nonfinite(const item& each) {
    const std::string place = each.tensor->file().path().string() + ": " + each.tensor->name() + ": ";
    const auto warn = [&](std::string_view what, std::size_t count, std::size_t first) {
      weights_->warnings.push_back(place + std::string{what} + ": " + std::to_string(count) + " of " +
                                   std::to_string(each.tensor->size()) + " values, the first at index " +
                                   std::to_string(each.matrix.in_pairs ? index_in_halves(*each.tensor, first) : first));
    };
    const nonfinite_count& stored = each.stored;
    const dtype type = each.matrix.type;
    if (stored.nan != 0) warn("has NaN", stored.nan, stored.first_nan);
    if (stored.infinite != 0) warn("has infinite values", stored.infinite, stored.first_infinite);
    if (type != dtype::f16 && each.converted.any() && !stored.any())
      warn("has values beyond what " + std::string{name(type)} + " can hold, which become no numbers",
           each.converted.nan + each.converted.infinite, each.converted.first());
    if (type == dtype::f16 && each.converted.infinite > stored.infinite)
      warn("has values beyond float16's largest, which become infinite", each.converted.infinite - stored.infinite,
           each.converted.first_infinite);
  }

  const checkpoint::catalogue& model_;
  const load_options& options_;
  executor& workers_;
  std::shared_ptr<llama_weights> weights_;
  std::vector<item> items_;
  std::vector<piece> pieces_;
  fallback_count fallbacks_;
  std::size_t largest_piece_ = 0;        ///< in elements
  std::vector<aligned_buffer> scratch_;  ///< one per thread: a piece as it is stored, as floats, and before packing
  std::mutex mutex_;                     ///< of the counts in items_, done_ and calls of on_progress
  std::size_t done_ = 0, total_ = 0;
};

inline void check_wanted(const load_options& options) {
  const std::optional<dtype> type = options.weights;
  if (type && !(is_weight_type(*type) && can_encode(*type)))
    throw mismatch_error("weights", "", "F32, F16, BF16 or a block type that can be written", name(*type));
}

}  // namespace detail

/// The weights of an open checkpoint. Every tensor's presence, shape and type is checked before anything is loaded.
/// Matrices that are stored in the wanted type stay in the mapped file, where the file lets them, or are packed into
/// panels from there when they are used; the others are converted piece by piece, and every vector is, to float32.
///
/// Every value is read once, unless the options leave those of mapped files out: NaN and infinite ones are in the
/// warnings, as are tensors that the model has no use for, and how many matrices took another type because their rows
/// do not fit. Throws `cancelled` when the options' stop token asks for it, and refuses a weight diff.
[[nodiscard]] inline std::shared_ptr<const llama_weights> load_llama_weights(const checkpoint::catalogue& model,
                                                                             const llama_config& config,
                                                                             const load_options& options,
                                                                             executor& workers) {
  detail::check_wanted(options);
  return io::with_path_errors([&] {
    if (!options.allow_diff) checkpoint::refuse_diff(model);
    return detail::weight_loader{model, config, options, workers}.load();
  });
}

/// The same for the model at `path`, a folder or a weight file with config.json beside it, or a GGUF file.
[[nodiscard]] inline std::shared_ptr<const llama_weights> load_llama_weights(const std::filesystem::path& path,
                                                                             const load_options& options,
                                                                             executor& workers) {
  detail::check_wanted(options);
  return io::with_path_errors([&] {
    const checkpoint::catalogue model = checkpoint::open(path);
    if (!options.allow_diff) checkpoint::refuse_diff(model);
    return detail::weight_loader{model, load_llama_config(path), options, workers}.load();
  });
}

}  // namespace tulu
