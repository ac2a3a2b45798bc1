#pragma once

#include <memory>
#include <string>
#include <utility>

#include "support/proto_builder.hpp"
#include <tulu/tokenizer/sentencepiece_model.hpp>
#include <tulu/tokenizer/sentencepiece_pipeline.hpp>
#include <tulu/tokenizer/tokenizer.hpp>

namespace tulu::test {

/// The tokenizer, in mode spm, of a model made by model_proto or llama_proto.
[[nodiscard]] inline tokenizer tokenizer_of(const std::string& proto) {
  sentencepiece_model model = read_sentencepiece_model(bytes_of(proto), "model");
  auto pipeline = std::make_shared<const detail::sentencepiece_pipeline>(model);
  const special_tokens special{model.bos_id, model.eos_id, model.pad_id, model.unk_id};
  return {"model", tokenizer_mode::spm, std::move(model.pieces), special, std::move(pipeline)};
}

}  // namespace tulu::test
