#pragma once

#include <tulu/diff/options.hpp>

namespace tulu {

/// What convert_to_folder and convert_to_gguf can be told: the options of recover, of which `scheme` means nothing here
/// and `max_shard_bytes` nothing for GGUF. Without `type` the tensors keep the type that they are stored in; vectors
/// are F32 in GGUF whatever it says, as llama.cpp wants them.
using convert_options = diff_options;
using convert_result = diff_result;

}  // namespace tulu
