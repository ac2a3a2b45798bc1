#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tulu/checkpoint/catalogue.hpp>
#include <tulu/diff/plan.hpp>
#include <tulu/diff/vocabulary_tensors.hpp>

namespace tulu::diff {

/// The base, the other side (the diff or the tuned model) and what their config.json files say of tying.
struct matched_sides {
  const checkpoint::catalogue& base;
  const checkpoint::catalogue& source;
  vocabulary_tensors base_vocabulary;
  vocabulary_tensors source_vocabulary;
};

namespace detail {

[[nodiscard]] inline std::string place(const checkpoint::stored_tensor& tensor) {
  return printable(tensor.name());
}

[[nodiscard]] inline std::string file_of(const checkpoint::stored_tensor& tensor) {
  return tensor.file().path().string();
}

/// A source may have more rows than the base only in the vocabulary tensors.
inline void check_shapes(const checkpoint::stored_tensor& base, const checkpoint::stored_tensor& source,
                         bool may_have_new_rows) {
  const shape& have = base.extents();
  const shape& want = source.extents();
  if (have == want) return;
  if (may_have_new_rows && have.rank() == 2 && want.rank() == 2 && have[1] == want[1] && have[0] < want[0] &&
      have[0] > 0)
    return;
  throw mismatch_error(file_of(base), place(base), "shape " + to_string(want) + " as in " + file_of(source),
                       to_string(have) + " (is it a base of another size?)");
}

[[nodiscard]] inline std::vector<const checkpoint::stored_tensor*> bases_of(const matched_sides& sides,
                                                                            const checkpoint::stored_tensor& source,
                                                                            bool twice) {
  const bool is_embed = &source == sides.source_vocabulary.embed;
  const bool is_head = &source == sides.source_vocabulary.head;
  if (is_embed && is_head && twice) return {sides.base_vocabulary.embed, sides.base_vocabulary.head};
  if (is_embed) return {sides.base_vocabulary.embed};
  if (is_head) return {sides.base_vocabulary.head};
  return {sides.base.find(source.name())};
}

[[nodiscard]] inline planned_tensor plan_tensor(const matched_sides& sides, const checkpoint::stored_tensor& source,
                                                std::optional<dtype> type, bool twice) {
  const bool is_vocabulary = &source == sides.source_vocabulary.embed || &source == sides.source_vocabulary.head;
  const bool is_tied = is_vocabulary && sides.source_vocabulary.tied;
  planned_tensor out{is_tied ? std::string{embed_name} : source.name(), source.type(), source.extents(), &source, {}};
  if (source.type() == dtype::f64)
    throw mismatch_error(file_of(source), place(source), "F32, F16, BF16 or an integer type", "F64");
  std::vector<const checkpoint::stored_tensor*> bases = bases_of(sides, source, twice);
  for (const checkpoint::stored_tensor* base : bases) {
    if (base == nullptr)
      throw mismatch_error(sides.base.path().string(), place(source), "the tensor that " + file_of(source) + " has",
                           "none");
    const bool fits = is_summable(source.type()) ? is_summable(base->type()) : base->type() == source.type();
    if (!fits)
      throw mismatch_error(file_of(*base), place(*base),
                           is_summable(source.type()) ? "F32, F16 or BF16" : std::string{name(source.type())},
                           name(base->type()));
    check_shapes(*base, source, is_vocabulary);
  }
  if (!is_summable(source.type())) return out;
  out.bases = std::move(bases);
  out.type = type.value_or(source.type());
  return out;
}

}  // namespace detail

/// The tensors of the output, in the order of the source's. Derived buffers are left out. Throws for a tensor that only
/// one side has, a shape or a type that does not fit. `twice`: a tied embedding takes both of the base's vocabulary
/// tensors, as weight_diff.py does.
[[nodiscard]] inline std::vector<planned_tensor> match_tensors(const matched_sides& sides, std::optional<dtype> type,
                                                               bool twice) {
  std::vector<planned_tensor> planned;
  std::set<std::string_view> wanted{embed_name, head_name};
  const vocabulary_tensors& vocabulary = sides.source_vocabulary;
  for (const checkpoint::stored_tensor& source : sides.source.tensors()) {
    if (is_derived_buffer(source.name())) continue;
    const bool is_shadow = vocabulary.tied && source.name() == head_name && vocabulary.embed != &source;
    if (is_shadow) continue;
    wanted.insert(source.name());
    planned.push_back(detail::plan_tensor(sides, source, type, twice));
  }
  for (const checkpoint::stored_tensor& base : sides.base.tensors()) {
    const bool vocabulary_missing = (base.name() == embed_name && vocabulary.embed == nullptr) ||
                                    (base.name() == head_name && vocabulary.head == nullptr);
    if (is_derived_buffer(base.name()) || (wanted.contains(base.name()) && !vocabulary_missing)) continue;
    throw mismatch_error(sides.source.path().string(), detail::place(base),
                         "the tensor that " + detail::file_of(base) + " has", "none");
  }
  if (planned.empty()) throw mismatch_error(sides.source.path().string(), "", "tensors", "none");
  return planned;
}

}  // namespace tulu::diff
