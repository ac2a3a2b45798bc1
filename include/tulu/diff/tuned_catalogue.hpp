#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/diff/transform.hpp>
#include <tulu/kernel/elementwise_table.hpp>
#include <tulu/tensor/dtype.hpp>

namespace tulu::diff {

namespace detail {

/// One tensor of a plan, worked out where it is read.
class planned_elements : public checkpoint::derived_elements {
 public:
  planned_elements(planned_tensor tensor, operation op, const kernel::elementwise_table& kernels)
      : tensor_{std::move(tensor)}, operation_{op}, kernels_{kernels} {}

  void read(std::size_t first, std::size_t count, std::span<std::byte> out) const override {
    transformer transform{operation_, kernels_, {}};
    std::call_once(once_, [&] { means_ = transform.learn_means(tensor_); });
    while (count != 0) {
      const std::size_t part = std::min(count, transformer::chunk);
      const std::size_t bytes = part * size_of(tensor_.type);
      transform.read(tensor_, means_, first, out.first(bytes));
      out = out.subspan(bytes);
      first += part;
      count -= part;
    }
  }

 private:
  planned_tensor tensor_;
  operation operation_;
  const kernel::elementwise_table& kernels_;
  mutable std::once_flag once_;
  mutable std::vector<std::vector<float>> means_;  ///< of the rows of each base
};

}  // namespace detail

/// What a plan would write, as a catalogue whose tensors are worked out when they are read: of recover's, the tuned
/// model. The same bits as the plan's output. The catalogues that the plan was made from, and `kernels`, must outlive
/// it; the messages name the files of `source`, the diff.
[[nodiscard]] inline checkpoint::catalogue tuned_catalogue(const plan& work, const checkpoint::catalogue& source,
                                                           const kernel::elementwise_table& kernels) {
  std::vector<checkpoint::stored_tensor> tensors;
  for (const planned_tensor& tensor : work.tensors)
    tensors.emplace_back(tensor.name, tensor.type, tensor.extents, tensor.source->source(),
                         std::make_shared<const detail::planned_elements>(tensor, work.operation, kernels));
  return {source.path(), std::move(tensors), {}, {source.files().begin(), source.files().end()}};
}

}  // namespace tulu::diff
