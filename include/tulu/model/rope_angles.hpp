#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

#include <tulu/checkpoint/llama_config.hpp>

namespace tulu {

/// The angles of the rotary embedding in float32, in the steps of transformers' LlamaRotaryEmbedding (4.40; llama3 as
/// in 4.43), whose roundings a model sees at long distances.
class rope_angles {
 public:
  explicit rope_angles(const llama_config& config)
      : head_dim_{config.head_dim},
        theta_{static_cast<float>(config.rope_theta)},
        scaling_{config.scaling},
        max_positions_{config.max_position_embeddings},
        frequencies_(config.head_dim / 2) {
    set_frequencies(theta_);
    if (scaling_.type == rope_scaling_type::llama3)
      for (float& frequency : frequencies_) frequency = stretched(frequency);
    for (std::size_t i = 0; i < config.rope_factors.size(); ++i) frequencies_[i] /= config.rope_factors[i];
  }

  /// Cosines and sines of the head_dim / 2 angles at `position` of a sequence that is `length` tokens long after the
  /// pass. Only dynamic scaling looks at the length.
  void at(std::size_t position, std::size_t length, std::span<float> cosines, std::span<float> sines) {
    if (scaling_.type == rope_scaling_type::dynamic) set_length(length);
    float place = static_cast<float>(position);
    if (scaling_.type == rope_scaling_type::linear) place /= static_cast<float>(scaling_.factor);
    for (std::size_t i = 0; i < frequencies_.size(); ++i) {
      const auto angle = static_cast<double>(place * frequencies_[i]);
      cosines[i] = static_cast<float>(std::cos(angle));
      sines[i] = static_cast<float>(std::sin(angle));
    }
  }

 private:
  void set_frequencies(float theta) {
    for (std::size_t i = 0; i < frequencies_.size(); ++i) {
      const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim_);
      const auto power = static_cast<float>(std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
      frequencies_[i] = 1.0f / power;
    }
  }

  /// NTK-aware scaling by the length of the sequence, once that is beyond what the model was trained for.
  void set_length(std::size_t length) {
    if (length < max_positions_) length = max_positions_;
    if (length == length_) return;
    length_ = length;
    if (length == max_positions_) return set_frequencies(theta_);
    const auto factor = static_cast<float>(scaling_.factor);
    const float ratio = factor * static_cast<float>(length) / static_cast<float>(max_positions_) - (factor - 1);
    const double exponent = static_cast<double>(head_dim_) / (static_cast<double>(head_dim_) - 2);
    set_frequencies(theta_ * static_cast<float>(std::pow(static_cast<double>(ratio), exponent)));
  }

  /// Llama 3.1: long waves are stretched by the factor, short ones kept, those between blended.
  [[nodiscard]] float stretched(float frequency) const {
    const auto factor = static_cast<float>(scaling_.factor);
    const auto low = static_cast<float>(scaling_.low_freq_factor), high = static_cast<float>(scaling_.high_freq_factor);
    const auto context = static_cast<float>(scaling_.original_max_position_embeddings);
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
    if (wavelength > context / low) return frequency / factor;
    if (wavelength < context / high) return frequency;
    const float smooth = (context / wavelength - low) / (high - low);
    return (1 - smooth) * frequency / factor + smooth * frequency;
  }

  std::size_t head_dim_;
  float theta_;
  rope_scaling scaling_;
  std::size_t max_positions_;
  std::size_t length_ = 0;  ///< that the frequencies are for; dynamic scaling only
  std::vector<float> frequencies_;
};

}  // namespace tulu
