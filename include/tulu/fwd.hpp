#pragma once

/// The names of tulu for headers that only pass them on.
namespace tulu {

class error;
class cancelled;
class executor;
struct cpu_features;

struct bf16;
struct f16;

enum class dtype;
class shape;
struct tensor_view;
class tensor;
template <class Element>
struct matrix_view;

enum class diff_scheme;
struct diff_options;
struct diff_result;

class vocabulary;
class tokenizer;
class stream_decoder;
struct encode_workspace;

struct llama_config;
struct llama_weights;
struct load_options;
struct model_options;
class kv_cache;
class llama_model;

struct generation_options;
struct generation_result;
struct sampling_options;
class sampler;

namespace io {
class file;
class mapped_file;
class sha256;
}  // namespace io

namespace kernel {
struct elementwise_table;
struct model_table;
struct weight_matrix;
}  // namespace kernel

namespace chat {
struct message;
struct segment;
class any_template;
}  // namespace chat

namespace checkpoint {
class tensor_file;
class stored_tensor;
class catalogue;
class shard_writer;
}  // namespace checkpoint

}  // namespace tulu
