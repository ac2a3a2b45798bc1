#pragma once

#include <tulu/core/error.hpp>

namespace tulu {

/// Thrown for logits among which is NaN: a weight of the model is NaN, or numbers grew beyond float32.
class nan_logits : public error {
 public:
  explicit nan_logits(const error& what) : error{what} {}
};

}  // namespace tulu
