#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <tulu/checkpoint/weight_files.hpp>
#include <tulu/core/error.hpp>
#include <tulu/io/json.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::diff {

/// A config.json as recover and make_diff need it: a few keys to compare, the rest carried through in order.
class model_config {
 public:
  explicit model_config(const std::filesystem::path& path) : file_{path.string()}, content_(io::load_json(path)) {
    if (!content_.is_object()) throw mismatch_error(file_, "", "a JSON object", io::describe(content_));
  }

  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  [[nodiscard]] std::optional<bool> tie_word_embeddings() const {
    return io::optional_value<bool>(content_, "tie_word_embeddings", file_);
  }
  [[nodiscard]] std::optional<std::size_t> number(std::string_view key) const {
    return io::optional_value<std::size_t>(content_, key, file_);
  }

  /// The text for an output whose floating-point tensors are of `type`: what transformers reads it with must be what
  /// the file holds, and a model stored with one vocabulary tensor must say that it is tied.
  [[nodiscard]] std::string mended(dtype type, bool tied) const {
    io::json out = content_;
    const std::string torch_name{traits(type).torch};
    out["torch_dtype"] = torch_name;
    if (out.contains("dtype")) out["dtype"] = torch_name;
    if (tied) out["tie_word_embeddings"] = true;
    return out.dump(2) + "\n";
  }

 private:
  std::string file_;
  io::json content_;
};

using checkpoint::folder_of;

/// Throws when the two models cannot be of one size. The vocabulary may differ.
inline void check_same_size(const model_config& base, const model_config& source) {
  constexpr std::array<std::string_view, 5> keys{"hidden_size", "intermediate_size", "num_hidden_layers",
                                                 "num_attention_heads", "num_key_value_heads"};
  for (const std::string_view key : keys) {
    const auto expected = source.number(key);
    const auto found = base.number(key);
    if (expected && found && *expected != *found)
      throw mismatch_error(base.file(), key, std::to_string(*expected) + " as in " + source.file(),
                           std::to_string(*found) + " (a base of another size)");
  }
}

}  // namespace tulu::diff
