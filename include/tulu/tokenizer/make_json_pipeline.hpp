#pragma once

#include <memory>

#include <tulu/tokenizer/byte_level_parts.hpp>
#include <tulu/tokenizer/byte_level_pipeline.hpp>
#include <tulu/tokenizer/json_pipeline.hpp>
#include <tulu/tokenizer/pipeline.hpp>
#include <tulu/tokenizer/tokenizer_json.hpp>

namespace tulu::detail {

[[nodiscard]] inline byte_level_parts byte_level_parts_of(const tokenizer_json& source, const json_byte_level& form) {
  byte_level_parts parts;
  parts.name = source.name;
  parts.pieces = source.pieces;
  parts.not_in_model = source.not_in_model;
  parts.merges = source.merges;
  parts.pattern = form.pattern;
  parts.added_tokens = source.added_tokens;
  parts.add_prefix_space = form.add_prefix_space;
  parts.ignore_merges = source.ignore_merges;
  parts.unk_id = source.unk_id;
  parts.fuse_unk = source.fuse_unk;
  return parts;
}

/// Mode hf-fast: the pipeline that a tokenizer.json asks for.
[[nodiscard]] inline std::shared_ptr<const pipeline> make_json_pipeline(const tokenizer_json& source) {
  if (source.byte_level)
    return std::make_shared<const byte_level_pipeline>(byte_level_parts_of(source, *source.byte_level));
  return std::make_shared<const json_pipeline>(source);
}

}  // namespace tulu::detail
