#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <new>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tulu/checkpoint/load_llama_config.hpp>
#include <tulu/checkpoint/looks_like_diff.hpp>
#include <tulu/checkpoint/open.hpp>
#include <tulu/checkpoint/tensor_names.hpp>
#include <tulu/core/aligned_buffer.hpp>
#include <tulu/core/error.hpp>
#include <tulu/core/executor.hpp>
#include <tulu/io/file.hpp>
#include <tulu/model/llama_weights.hpp>
#include <tulu/model/load_options.hpp>
#include <tulu/model/weight_slots.hpp>
#include <tulu/tensor/nonfinite.hpp>

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
    warn_of_unknown();
    for (const item& each : items_) warn_of_nonfinite(each);
    return weights_;
  }

 private:
  static constexpr std::size_t piece_elements = std::size_t{1} << 19;

  /// A tensor to be loaded.
  struct item {
    const checkpoint::stored_tensor* tensor = nullptr;
    dtype type = dtype::f32;            ///< in memory
    const std::byte* mapped = nullptr;  ///< where it lies, or null
    std::byte* copy = nullptr;          ///< where it goes, when it is not mapped
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
    bool reads = false;
    visit_slots(
        model_, *weights_, [this](std::size_t i) -> llama_layer& { return weights_->layers[i]; },
        [&](const weight_slot& slot, const checkpoint::stored_tensor& tensor) {
          add(slot, tensor);
          reads = reads || items_.back().mapped == nullptr;
        });
    if (std::any_of(items_.begin(), items_.end(), [](const item& each) { return each.mapped != nullptr; }))
      weights_->files.assign(model_.files().begin(), model_.files().end());
    if (!reads) return;
    for (std::size_t i = 0; i < workers_.threads(); ++i) scratch_.push_back(allocate(piece_elements * sizeof(float)));
  }

  void add(const weight_slot& slot, const checkpoint::stored_tensor& tensor) {
    item next{&tensor, slot.matrix != nullptr ? options_.weights.value_or(tensor.type()) : dtype::f32};
    if (slot.matrix != nullptr && next.type == tensor.type())
      if (const auto view = tensor.view()) next.mapped = view->bytes.data();
    if (next.mapped == nullptr) {
      weights_->buffers.push_back(allocate(tensor.size() * size_of(next.type)));
      next.copy = weights_->buffers.back().data();
    }
    const std::byte* const data = next.mapped != nullptr ? next.mapped : next.copy;
    if (slot.matrix != nullptr) *slot.matrix = {next.type, slot.extents[0], slot.extents[1], data};
    if (slot.vector != nullptr) *slot.vector = reinterpret_cast<const float*>(data);
    for (std::size_t first = 0; first < tensor.size(); first += piece_elements)
      pieces_.push_back({items_.size(), first, std::min(piece_elements, tensor.size() - first)});
    total_ += tensor.bytes();
    items_.push_back(next);
  }

  [[nodiscard]] aligned_buffer allocate(std::size_t bytes) const {
    try {
      return aligned_buffer{bytes};
    } catch (const std::bad_alloc&) {
      throw error{model_.path().string() + ": not enough memory for " + std::to_string(bytes) + " bytes of weights"};
    }
  }

  void load_piece(const piece& part, std::size_t thread) {
    if (options_.stop.stop_requested()) throw cancelled{};
    item& target = items_[part.item];
    const dtype stored_type = target.tensor->type();
    const std::size_t stored_size = size_of(stored_type);
    std::span<const std::byte> stored;
    if (target.mapped != nullptr) {
      stored = {target.mapped + part.first * stored_size, part.count * stored_size};
    } else {
      std::byte* const out = target.copy + part.first * size_of(target.type);
      const bool converts = target.type != stored_type;
      const std::span room{converts ? scratch_[thread].data() : out, part.count * stored_size};
      target.tensor->read(part.first, part.count, room);
      if (converts) options_.conversion->converter(stored_type, target.type)(room.data(), out, part.count);
      stored = room;
    }
    const nonfinite_count found = count_nonfinite(stored_type, stored);
    nonfinite_count after;
    if (target.type == dtype::f16 && stored_type != dtype::f16)
      after = count_nonfinite(dtype::f16, {target.copy + part.first * 2, part.count * 2});
    finish_piece(target, part, found, after, stored.size());
  }

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
    const std::size_t size = size_of(a.type());
    aligned_buffer of_a{window * size}, of_b{window * size};
    for (std::size_t first = 0; first < a.size(); first += window) {
      if (options_.stop.stop_requested()) throw cancelled{};
      const std::size_t count = std::min(window, a.size() - first);
      a.read(first, count, of_a.bytes().first(count * size));
      b.read(first, count, of_b.bytes().first(count * size));
      if (std::memcmp(of_a.data(), of_b.data(), count * size) != 0) return false;
    }
    return true;
  }

  void warn_of_unknown() {
    std::set<std::string_view> known{checkpoint::embed_name, checkpoint::head_name};
    for (const item& each : items_) known.insert(each.tensor->name());
    const checkpoint::stored_tensor* first = nullptr;
    std::size_t count = 0;
    for (const checkpoint::stored_tensor& tensor : model_.tensors()) {
      if (known.contains(tensor.name()) || checkpoint::is_derived_buffer(tensor.name())) continue;
      if (count++ == 0) first = &tensor;
    }
    if (count == 0) return;
    weights_->warnings.push_back(first->file().path().string() + ": " + printable(first->name()) +
                                 (count == 1 ? std::string{" is"} : " and " + std::to_string(count - 1) + " more are") +
                                 " ignored: " + weights_->config.file + " asks for no such " +
                                 (count == 1 ? "tensor" : "tensors"));
  }

  void warn_of_nonfinite(const item& each) {
    const std::string place = each.tensor->file().path().string() + ": " + each.tensor->name() + ": ";
    const auto warn = [&](std::string_view what, std::size_t count, std::size_t first) {
      weights_->warnings.push_back(place + std::string{what} + ": " + std::to_string(count) + " of " +
                                   std::to_string(each.tensor->size()) + " values, the first at index " +
                                   std::to_string(first));
    };
    const nonfinite_count& stored = each.stored;
    if (stored.nan != 0) warn("has NaN", stored.nan, stored.first_nan);
    if (stored.infinite != 0) warn("has infinite values", stored.infinite, stored.first_infinite);
    if (each.converted.infinite > stored.infinite)
      warn("has values beyond float16's largest, which become infinite", each.converted.infinite - stored.infinite,
           each.converted.first_infinite);
  }

  const checkpoint::catalogue& model_;
  const load_options& options_;
  executor& workers_;
  std::shared_ptr<llama_weights> weights_;
  std::vector<item> items_;
  std::vector<piece> pieces_;
  std::vector<aligned_buffer> scratch_;  ///< one per thread
  std::mutex mutex_;                     ///< of the counts in items_, done_ and calls of on_progress
  std::size_t done_ = 0, total_ = 0;
};

}  // namespace detail

/// The weights of the model at `path`, a folder or a weight file with config.json beside it. Every tensor's presence,
/// shape and type is checked before anything is loaded. Matrices that are stored in the wanted type stay in the mapped
/// file, where the file lets them; the others are converted, and every vector is, to float32.
///
/// Every value is read once: NaN and infinite ones are in the warnings, as are tensors that the model has no use for.
/// Throws `cancelled` when the options' stop token asks for it, and refuses a weight diff.
[[nodiscard]] inline std::shared_ptr<const llama_weights> load_llama_weights(const std::filesystem::path& path,
                                                                             const load_options& options,
                                                                             executor& workers) {
  if (options.weights && !is_summable(*options.weights))
    throw mismatch_error("weights", "", "F32, F16 or BF16", name(*options.weights));
  return io::with_path_errors([&] {
    const checkpoint::catalogue model = checkpoint::open(path);
    if (!options.allow_diff) checkpoint::refuse_diff(model);
    return detail::weight_loader{model, load_llama_config(path), options, workers}.load();
  });
}

}  // namespace tulu
