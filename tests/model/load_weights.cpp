#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/llama_folder.hpp"
#include "../support/random_model.hpp"
#include <tulu/kernel/dispatch.hpp>
#include <tulu/model/load.hpp>
#include <tulu/model/load_weights.hpp>
#include <tulu/model/memory_estimate.hpp>

using tulu::dtype;
using tulu::load_llama_weights;
using tulu::test::find_tensor;
using tulu::test::llama_config_text;
using tulu::test::llama_sizes;
using tulu::test::llama_values;
using tulu::test::message_of;
using tulu::test::model_values;
using tulu::test::temp_dir;
using tulu::test::write_model;

namespace load_weights_test {

namespace fs = std::filesystem;

using weights_pointer = std::shared_ptr<const tulu::llama_weights>;

using tulu::kernel::weight_layout;

weights_pointer load(const fs::path& path, std::optional<dtype> type = std::nullopt, std::size_t threads = 2,
                     weight_layout layout = weight_layout::rows) {
  tulu::executor workers{threads};
  tulu::load_options options;
  options.weights = type;
  options.layout = layout;
  return load_llama_weights(path, options, workers);
}

std::string failure(const fs::path& path) {
  return message_of([&] { static_cast<void>(load(path)); });
}

/// `values` rounded to `type`, as floats again.
std::vector<float> rounded(std::vector<float> values, dtype type) {
  for (float& value : values) {
    if (type == dtype::f16) value = tulu::to_float(tulu::to_f16(value));
    if (type == dtype::bf16) value = tulu::to_float(tulu::to_bf16(value));
  }
  return values;
}

std::vector<float> floats_of(const tulu::kernel::weight_matrix& matrix) {
  std::vector<float> values(matrix.rows * matrix.columns);
  tulu::kernel::backend_portable().elementwise->converter(matrix.type, dtype::f32)(
      matrix.data, reinterpret_cast<std::byte*>(values.data()), values.size());
  return values;
}

void check_matrix(const tulu::kernel::weight_matrix& matrix, const tulu::test::tensor_values& stored, dtype type) {
  CHECK(matrix.type == type);
  REQUIRE(matrix.rows == stored.extents[0]);
  REQUIRE(matrix.columns == stored.extents[1]);
  CHECK(floats_of(matrix) == rounded(rounded(stored.values, stored.type), type));
}

void check_vector(const float* vector, const tulu::test::tensor_values& stored) {
  REQUIRE(vector != nullptr);
  const std::vector<float> values(vector, vector + stored.values.size());
  CHECK(values == rounded(stored.values, stored.type));
}

/// Every member of `weights` holds the tensor of its name.
void check_all(const tulu::llama_weights& weights, model_values& stored, dtype type) {
  check_matrix(weights.embed_tokens, find_tensor(stored, "model.embed_tokens.weight"), type);
  check_vector(weights.norm, find_tensor(stored, "model.norm.weight"));
  const bool tied = weights.config.tie_word_embeddings;
  check_matrix(weights.lm_head, find_tensor(stored, tied ? "model.embed_tokens.weight" : "lm_head.weight"), type);
  CHECK((weights.lm_head.data == weights.embed_tokens.data) == tied);
  REQUIRE(weights.layers.size() == weights.config.num_hidden_layers);
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const auto& layer = weights.layers[i];
    const std::string at = "model.layers." + std::to_string(i) + ".";
    const auto linear = [&](const std::string& name, const auto& matrix, const float* bias, bool biased) {
      check_matrix(matrix, find_tensor(stored, at + name + ".weight"), type);
      if (biased) check_vector(bias, find_tensor(stored, at + name + ".bias"));
      CHECK((bias != nullptr) == biased);
    };
    const bool attention = weights.config.attention_bias, mlp = weights.config.mlp_bias;
    linear("self_attn.q_proj", layer.q_proj, layer.q_bias, attention);
    linear("self_attn.k_proj", layer.k_proj, layer.k_bias, attention);
    linear("self_attn.v_proj", layer.v_proj, layer.v_bias, attention);
    linear("self_attn.o_proj", layer.o_proj, layer.o_bias, attention);
    linear("mlp.gate_proj", layer.gate_proj, layer.gate_bias, mlp);
    linear("mlp.up_proj", layer.up_proj, layer.up_bias, mlp);
    linear("mlp.down_proj", layer.down_proj, layer.down_bias, mlp);
    check_vector(layer.input_layernorm, find_tensor(stored, at + "input_layernorm.weight"));
    check_vector(layer.post_attention_layernorm, find_tensor(stored, at + "post_attention_layernorm.weight"));
  }
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("load_llama_weights: every member gets its tensor, from every type in every type") {
  const temp_dir dir;
  llama_sizes biased;
  biased.attention_bias = biased.mlp_bias = true;
  llama_sizes tied;
  tied.tied = true;
  unsigned seed = 100;
  for (const llama_sizes& sizes : {llama_sizes{}, biased, tied})
    for (const dtype stored : {dtype::f32, dtype::f16, dtype::bf16}) {
      auto values = llama_values(sizes, seed += 100, stored);
      CAPTURE(seed);
      const fs::path path = write_model(dir.path() / std::to_string(seed), values, llama_config_text(sizes));
      for (const dtype wanted : {dtype::f32, dtype::f16, dtype::bf16}) {
        const auto weights = load(path, wanted);
        check_all(*weights, values, wanted);
        CHECK(weights->warnings.empty());
        CHECK(weights->files.empty() == (wanted != stored));
      }
      check_all(*load(path), values, stored);
    }
}

TEST_CASE("load_llama_weights: what is stored in the wanted type stays in the file") {
  const temp_dir dir;
  const llama_sizes sizes;
  const fs::path path = tulu::test::write_llama(dir.path() / "model", sizes, 1, dtype::bf16);
  const auto mapped = load(path);
  CHECK(mapped->files.size() == 1);
  CHECK(mapped->buffers.size() == 1 + 2 * sizes.layers);  // the norms
  CHECK(load(path, dtype::f32)->buffers.size() == 3 + 9 * sizes.layers);
  const auto* const begin = mapped->files[0]->mapping().data();
  const auto* const end = begin + mapped->files[0]->mapping().size();
  CHECK((mapped->lm_head.data > begin && mapped->lm_head.data < end));
}

TEST_CASE("load_llama_weights: tensors longer than a piece, on any number of threads") {
  const temp_dir dir;
  llama_sizes sizes;
  sizes.vocabulary = 30011;
  sizes.layers = 1;
  auto values = llama_values(sizes, 9, dtype::bf16);
  find_tensor(values, "lm_head.weight").values.back() = std::numeric_limits<float>::quiet_NaN();
  find_tensor(values, "lm_head.weight").values[600000] = std::numeric_limits<float>::infinity();
  const fs::path path = write_model(dir.path() / "model", values, llama_config_text(sizes));
  for (const std::size_t threads : {1U, 3U})
    for (const dtype wanted : {dtype::bf16, dtype::f16}) {
      const auto weights = load(path, wanted, threads);
      check_matrix(weights->embed_tokens, find_tensor(values, "model.embed_tokens.weight"), wanted);
      const std::string place = (path / "model.safetensors").string() + ": lm_head.weight: ";
      REQUIRE(weights->warnings.size() == 2);
      CHECK(weights->warnings[0] == place + "has NaN: 1 of 720264 values, the first at index 720263");
      CHECK(weights->warnings[1] == place + "has infinite values: 1 of 720264 values, the first at index 600000");
    }
}

TEST_CASE("load_llama_weights: values beyond float16 are told of") {
  const temp_dir dir;
  const llama_sizes sizes;
  auto values = llama_values(sizes, 3);
  find_tensor(values, "model.layers.1.mlp.up_proj.weight").values[5] = 70000;
  const fs::path path = write_model(dir.path() / "model", values, llama_config_text(sizes));
  CHECK(load(path)->warnings.empty());
  const auto weights = load(path, dtype::f16);
  REQUIRE(weights->warnings.size() == 1);
  CHECK(contains(weights->warnings[0], "model.layers.1.mlp.up_proj.weight: has values beyond float16's largest"));
  CHECK(contains(weights->warnings[0], ": 1 of 480 values, the first at index 5"));
}

TEST_CASE("load_llama_weights: NaN in a norm is told of") {
  const temp_dir dir;
  auto values = llama_values({}, 3, dtype::f16);
  find_tensor(values, "model.norm.weight").values[0] = std::numeric_limits<float>::quiet_NaN();
  const fs::path path = write_model(dir.path() / "model", values, llama_config_text({}));
  REQUIRE(load(path)->warnings.size() == 1);
  CHECK(contains(load(path)->warnings[0], ": model.norm.weight: has NaN: 1 of 24 values, the first at index 0"));
}

TEST_CASE("load_llama_weights: what the model needs and does not find") {
  const temp_dir dir;
  const llama_sizes sizes;
  const auto good = llama_values(sizes, 4);
  const auto without = [&](const std::string& name) {
    auto values = good;
    std::erase_if(values, [&](const auto& tensor) { return tensor.name == name; });
    return failure(write_model(dir.path() / "model", values, llama_config_text(sizes)));
  };
  const std::string path = (dir.path() / "model").string();
  for (const auto& tensor : good)
    CHECK(contains(without(tensor.name),
                   path + ": " + tensor.name + ": expected a tensor of shape " + tulu::to_string(tensor.extents)));
  CHECK(contains(without("lm_head.weight"), "config.json does not say tie_word_embeddings), found no such tensor"));
  llama_sizes deeper = sizes;
  deeper.layers = 16'000'000;
  CHECK(contains(failure(write_model(dir.path() / "model", good, llama_config_text(deeper))),
                 "model.layers.2.input_layernorm.weight: expected"));
}

TEST_CASE("load_llama_weights: wrong shapes and types") {
  const temp_dir dir;
  const llama_sizes sizes;
  const std::string file = (dir.path() / "model" / "model.safetensors").string();
  const std::string config = (dir.path() / "model" / "config.json").string();
  const auto with = [&](const std::string& name, auto&& change) {
    auto values = llama_values(sizes, 5);
    change(find_tensor(values, name));
    return failure(write_model(dir.path() / "model", values, llama_config_text(sizes)));
  };
  const auto transposed = [](auto& tensor) { tensor.extents = {tensor.extents[1], tensor.extents[0]}; };
  CHECK(with("model.layers.1.self_attn.k_proj.weight", transposed) ==
        file + ": model.layers.1.self_attn.k_proj.weight: expected shape [12, 24] as " + config +
            " says, found shape [24, 12]");
  const auto longer = [](auto& tensor) {
    tensor.extents = {tensor.extents[0] + 1, tensor.extents[1]};
    tensor.values.resize(tensor.extents.count().value());
  };
  for (const char* name : {"model.embed_tokens.weight", "lm_head.weight"})
    CHECK(contains(with(name, longer), std::string{name} + ": expected shape [40, 24] as "));
  CHECK(contains(with("model.norm.weight",
                      [](auto& tensor) {
                        tensor.extents = {1, 24};
                      }),
                 "model.norm.weight: expected shape [24] as "));

  auto entries = std::vector<tulu::checkpoint::safetensors_entry>{};
  std::size_t bytes = 0;
  for (const auto& tensor : llama_values(sizes, 5)) {
    const dtype type = tensor.name == "model.norm.weight" ? dtype::f64 : dtype::f16;
    entries.push_back({tensor.name, type, tensor.extents});
    bytes += tensor.values.size() * tulu::size_of(type);
  }
  tulu::test::write_file(file, tulu::checkpoint::format_safetensors_header(entries, {}) + std::string(bytes, 'x'));
  CHECK(failure(dir.path() / "model") ==
        file + ": model.norm.weight: expected F32, F16, BF16 or a block type, found F64");
}

TEST_CASE("load_llama_weights: a tied model may store its matrix under either name, or twice the same") {
  const temp_dir dir;
  llama_sizes tied;
  tied.tied = true;
  auto values = llama_values(tied, 6);
  auto head = find_tensor(values, "model.embed_tokens.weight");
  head.name = "lm_head.weight";
  const std::string config = llama_config_text(tied);

  auto twice = values;
  twice.push_back(head);
  CHECK(load(write_model(dir.path() / "twice", twice, config))->warnings.empty());

  auto other_name = twice;
  std::erase_if(other_name, [](const auto& tensor) { return tensor.name == "model.embed_tokens.weight"; });
  check_matrix(load(write_model(dir.path() / "other", other_name, config))->embed_tokens, head, dtype::f32);

  twice.back().values.back() += 1;
  CHECK(contains(failure(write_model(dir.path() / "differs", twice, config)),
                 "lm_head.weight: expected the same as model.embed_tokens.weight"));
  twice.back() = head;
  twice.back().type = dtype::f16;
  CHECK(contains(failure(write_model(dir.path() / "type", twice, config)), "found F16 [40, 24]"));
  std::erase_if(values, [](const auto& tensor) { return tensor.name == "model.embed_tokens.weight"; });
  CHECK(contains(failure(write_model(dir.path() / "none", values, config)), "model.embed_tokens.weight: expected"));
}

TEST_CASE("load_llama_weights: tensors without use get one line, old buffers none") {
  const temp_dir dir;
  auto values = llama_values({}, 7);
  const auto warnings = [&] {
    return load(write_model(dir.path() / "model", values, llama_config_text({})))->warnings;
  };
  values.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {3}, {1, 2, 3}});
  CHECK(warnings().empty());
  values.push_back({"model.layers.0.self_attn.q_proj.bias", {24}, std::vector<float>(24)});
  REQUIRE(warnings().size() == 1);
  CHECK(contains(warnings()[0], "model.layers.0.self_attn.q_proj.bias is ignored: "));
  values.push_back({"model.layers.2.mlp.up_proj.weight", {1, 1}, {0}});
  REQUIRE(warnings().size() == 1);
  CHECK(contains(warnings()[0], "model.layers.0.self_attn.q_proj.bias and 1 more are ignored: "));
}

TEST_CASE("load_llama_weights: a weight diff is refused unless it is allowed") {
  const temp_dir dir;
  auto values = llama_values({}, 8);
  for (auto& tensor : values)
    if (tensor.extents.rank() == 1)
      for (float& value : tensor.values) value = 0.001F;
  const fs::path path = write_model(dir.path() / "diff", values, llama_config_text({}));
  CHECK(contains(failure(path), path.string() + ": this is a weight diff: recover it first"));
  tulu::executor workers{1};
  tulu::load_options options;
  options.allow_diff = true;
  CHECK(load_llama_weights(path, options, workers)->layers.size() == 2);
}

TEST_CASE("load_llama_weights: progress ends at the total, and a stop request ends the loading") {
  const temp_dir dir;
  const fs::path path = tulu::test::write_llama(dir.path() / "model", {}, 10, dtype::f16);
  tulu::executor workers{2};
  tulu::load_options options;
  std::size_t last = 0, total = 0;
  options.on_progress = [&](std::size_t done, std::size_t of) {
    CHECK(done > last);
    last = done;
    total = of;
  };
  static_cast<void>(load_llama_weights(path, options, workers));
  CHECK(last == total);
  std::size_t bytes = 0;
  for (const auto& tensor : llama_values({}, 10)) bytes += tensor.values.size() * 2;
  CHECK(total == bytes);

  std::stop_source stop;
  options.stop = stop.get_token();
  options.on_progress = [&](std::size_t, std::size_t) { stop.request_stop(); };
  CHECK_THROWS_AS(static_cast<void>(load_llama_weights(path, options, workers)), tulu::cancelled);
}

TEST_CASE("load_llama_weights: types that are no weights'") {
  const temp_dir dir;
  for (const dtype type : {dtype::i8, dtype::f64, dtype::iq4_nl})
    CHECK(message_of([&] { static_cast<void>(load(dir.path(), type)); }) ==
          "weights: expected F32, F16, BF16 or a block type that can be written, found " + std::string{name(type)});
}

/// A model whose rows are `hidden` and `inner` long.
llama_sizes block_sizes(std::size_t hidden, std::size_t inner) {
  llama_sizes sizes;
  sizes.hidden = hidden;
  sizes.inner = inner;
  sizes.head_dim = hidden / sizes.heads;
  return sizes;
}

/// `stored` in the type of `matrix`, by way of float32.
std::vector<std::byte> quantised(const tulu::kernel::weight_matrix& matrix, const tulu::test::tensor_values& stored) {
  const std::vector<float> values = rounded(stored.values, stored.type);
  std::vector<std::byte> bytes(matrix.bytes());
  tulu::encode(matrix.type, values.data(), bytes.data(), values.size());
  return bytes;
}

bool holds(const tulu::kernel::weight_matrix& matrix, const std::vector<std::byte>& bytes) {
  return matrix.bytes() == bytes.size() && std::memcmp(matrix.data, bytes.data(), bytes.size()) == 0;
}

/// A file of one type of blocks in the place of model.safetensors: every matrix of `values` quantised, in memory that
/// is mapped.
tulu::checkpoint::catalogue block_catalogue(const fs::path& file, const model_values& values, dtype type,
                                            const std::string& damaged = {}) {
  std::string content;
  std::vector<std::size_t> offsets;
  for (const auto& tensor : values) {
    offsets.push_back(content.size());
    const dtype own = tensor.extents.rank() == 1 ? dtype::f32 : type;
    std::vector<std::byte> bytes(tulu::bytes_of(own, tensor.values.size()));
    tulu::encode(own, tensor.values.data(), bytes.data(), tensor.values.size());
    const auto [offset, halves] = tulu::detail::halves_of(type);
    if (tensor.name == damaged) bytes[tulu::traits(type).bytes + offset + 1] = std::byte{0x7e};  // a NaN for a scale
    content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  tulu::test::write_file(file, content);
  const auto source = std::make_shared<const tulu::checkpoint::tensor_file>(file);
  std::vector<tulu::checkpoint::stored_tensor> tensors;
  for (std::size_t i = 0; i < values.size(); ++i)
    tensors.emplace_back(values[i].name, values[i].extents.rank() == 1 ? dtype::f32 : type, values[i].extents, source,
                         tulu::checkpoint::storage_layout{.offset = offsets[i]});
  return {file, std::move(tensors), {}, {source}};
}

tulu::llama_config config_at(const fs::path& folder, const llama_sizes& sizes) {
  fs::create_directories(folder);
  tulu::test::write_file(folder / "config.json", llama_config_text(sizes));
  return tulu::load_llama_config(folder);
}

TEST_CASE("load_llama_weights: block types are made from every type at load, on any number of threads") {
  const temp_dir dir;
  llama_sizes sizes = block_sizes(256, 512);
  sizes.vocabulary = 4100;  // more than one piece
  sizes.layers = 1;
  for (const dtype stored : {dtype::f32, dtype::bf16}) {
    auto values = llama_values(sizes, 20, stored);
    const fs::path path = write_model(dir.path() / "model", values, llama_config_text(sizes));
    for (const dtype wanted : {dtype::q8_0, dtype::q4_0, dtype::q4_k, dtype::q6_k})
      for (const std::size_t threads : {1U, 3U}) {
        const auto weights = load(path, wanted, threads);
        INFO(std::string{name(wanted)});
        CHECK(weights->warnings.empty());
        CHECK(weights->lm_head.type == (wanted == dtype::q8_0 ? dtype::q8_0 : dtype::q6_k));
        CHECK(weights->embed_tokens.type == wanted);
        CHECK(weights->layers[0].q_proj.type == wanted);
        CHECK(weights->layers[0].down_proj.type == (wanted == dtype::q4_k ? dtype::q6_k : wanted));
        CHECK(holds(weights->embed_tokens,
                    quantised(weights->embed_tokens, find_tensor(values, "model.embed_tokens.weight"))));
        CHECK(holds(weights->lm_head, quantised(weights->lm_head, find_tensor(values, "lm_head.weight"))));
        const auto& down = weights->layers[0].down_proj;
        CHECK(holds(down, quantised(down, find_tensor(values, "model.layers.0.mlp.down_proj.weight"))));
        check_vector(weights->norm, find_tensor(values, "model.norm.weight"));
        std::size_t owned = 0;
        for (const auto& buffer : weights->buffers) owned += buffer.size();
        const std::size_t f32 = 3 * sizes.hidden * sizeof(float);
        std::size_t matrices = weights->embed_tokens.bytes() + weights->lm_head.bytes();
        for (const auto* matrix : tulu::llama_layer::matrices(weights->layers[0])) matrices += matrix->bytes();
        CHECK(owned == f32 + matrices);
      }
  }
}

TEST_CASE("load_llama_weights: one line counts the matrices whose rows do not fit") {
  const temp_dir dir;
  const llama_sizes sizes = block_sizes(64, 40);
  const fs::path path = tulu::test::write_llama(dir.path() / "model", sizes, 21, dtype::f32);
  const auto weights = load(path, dtype::q4_k);
  REQUIRE(weights->warnings.size() == 1);
  CHECK(weights->warnings[0] == path.string() +
                                    ": 16 of 16 matrices have rows that are no multiple of a block of the wanted type: "
                                    "f16, q5_0 and q8_0 instead");
  CHECK(load(path, dtype::q8_0)->warnings.size() == 1);
  CHECK(load(path, dtype::f16)->warnings.empty());
}

TEST_CASE("load_llama_weights: stored blocks stay in the file, or become what is wanted") {
  const temp_dir dir;
  const llama_sizes sizes = block_sizes(256, 256);
  auto values = llama_values(sizes, 22);
  const tulu::llama_config config = config_at(dir.path() / "model", sizes);
  tulu::executor workers{2};
  for (const dtype stored : {dtype::q4_1, dtype::q8_0, dtype::q6_k}) {
    const auto model = block_catalogue(dir.path() / "model" / "blocks", values, stored);
    const auto at = [&](std::optional<dtype> wanted) {
      tulu::load_options options;
      options.weights = wanted;
      options.layout = weight_layout::rows;
      return load_llama_weights(model, config, options, workers);
    };
    const auto& up = find_tensor(values, "model.layers.1.mlp.up_proj.weight");
    const auto mapped = at(std::nullopt);
    CHECK(mapped->buffers.size() == 1 + 2 * sizes.layers);
    CHECK(mapped->files.size() == 1);
    CHECK(mapped->layers[1].up_proj.type == stored);
    CHECK(holds(mapped->layers[1].up_proj, quantised(mapped->layers[1].up_proj, up)));
    if (stored != dtype::q4_1) CHECK(at(stored)->buffers.size() == mapped->buffers.size());

    std::vector<float> decoded(up.values.size());
    tulu::decode(stored, mapped->layers[1].up_proj.data, decoded.data(), decoded.size());
    tulu::test::tensor_values again{up.name, up.extents, decoded};
    for (const dtype wanted : {dtype::f32, dtype::f16, dtype::bf16}) {
      check_matrix(at(wanted)->layers[1].up_proj, again, wanted);
      CHECK(at(wanted)->buffers.size() == 3 + 9 * sizes.layers);
    }
    const auto changed = at(dtype::q4_0);
    CHECK(changed->layers[1].up_proj.type == dtype::q4_0);
    CHECK(holds(changed->layers[1].up_proj, quantised(changed->layers[1].up_proj, again)));
  }
}

TEST_CASE("load_llama_weights: scales that are no numbers are told of") {
  const temp_dir dir;
  const llama_sizes sizes = block_sizes(256, 256);
  const auto values = llama_values(sizes, 23);
  const tulu::llama_config config = config_at(dir.path() / "model", sizes);
  tulu::executor workers{2};
  const std::string damaged = "model.layers.1.mlp.up_proj.weight";
  for (const dtype stored : {dtype::q4_0, dtype::q4_k, dtype::q6_k}) {
    const auto model = block_catalogue(dir.path() / "model" / "blocks", values, stored, damaged);
    const auto warnings = load_llama_weights(model, config, {}, workers)->warnings;
    REQUIRE(warnings.size() == 1);
    const std::string block = std::to_string(tulu::block_of(stored));
    CHECK(warnings[0] == (dir.path() / "model" / "blocks").string() + ": " + damaged + ": has NaN: " + block +
                             " of 65536 values, the first at index " + block);
  }
}

TEST_CASE("load_llama_weights: values beyond what a block type holds are told of") {
  const temp_dir dir;
  const llama_sizes sizes = block_sizes(64, 64);
  auto values = llama_values(sizes, 24);
  find_tensor(values, "model.layers.1.mlp.up_proj.weight").values[40] = 1e9F;
  const fs::path path = write_model(dir.path() / "model", values, llama_config_text(sizes));
  const auto weights = load(path, dtype::q8_0);
  REQUIRE(weights->warnings.size() == 1);
  CHECK(contains(weights->warnings[0], "model.layers.1.mlp.up_proj.weight: has values beyond what Q8_0 can hold"));
  CHECK(contains(weights->warnings[0], "the first at index 32"));
}

TEST_CASE("load_llama_weights: matrices in panels hold what they hold in rows, on any number of threads") {
  const temp_dir dir;
  llama_sizes sizes = block_sizes(256, 512);
  sizes.vocabulary = 4100;  // more than one piece, and no whole panels
  sizes.layers = 1;
  for (const bool tied : {false, true}) {
    sizes.tied = tied;
    auto values = llama_values(sizes, 30, dtype::bf16);
    const fs::path path = write_model(dir.path() / (tied ? "tied" : "model"), values, llama_config_text(sizes));
    for (const dtype wanted : {dtype::q4_k, dtype::q8_0}) {
      const auto lying = load(path, wanted);
      for (const std::size_t threads : {1U, 3U}) {
        const auto packed = load(path, wanted, threads, weight_layout::panels);
        CHECK(packed->embed_tokens.in_panels() == tied);
        CHECK(packed->files.empty());
        const auto same = [&](const tulu::kernel::weight_matrix& found, const tulu::kernel::weight_matrix& rows) {
          std::vector<float> row(rows.columns), other(rows.columns);
          std::size_t wrong = found.in_panels() && found.type == rows.type ? 0 : 1;
          for (std::size_t r = 0; r < rows.rows; ++r) {
            tulu::kernel::unpack_row(found.type, found.data, found.columns, r, row.data());
            tulu::decode(rows.type, rows.row(r), other.data(), rows.columns);
            wrong += row != other;
          }
          return wrong == 0;
        };
        CHECK(same(packed->lm_head, lying->lm_head));
        CHECK((packed->lm_head.data == packed->embed_tokens.data) == tied);
        CHECK(same(packed->layers[0].k_proj, lying->layers[0].k_proj));
        CHECK(same(packed->layers[0].down_proj, lying->layers[0].down_proj));
      }
    }
  }
}

TEST_CASE("load_model: stored blocks are packed while they are used, the logits are those of panels made before") {
  const temp_dir dir;
  llama_sizes sizes;
  std::vector<tulu::token_id> tokens(13);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<tulu::token_id>(i * 23);
  const auto check = [&](const tulu::checkpoint::catalogue& model, const tulu::llama_config& config,
                         std::size_t threads, const tulu::kernel::model_table& kernels, std::size_t deferred) {
    tulu::load_options options;
    options.kernels = &kernels;
    options.model.workers = std::make_shared<tulu::executor>(threads);
    const auto found = load_model(model, config, options);
    options.layout = weight_layout::rows;
    const auto rows = load_llama_weights(model, config, options, *options.model.workers);
    tulu::llama_model wanted{tulu::test::in_panels(*rows), kernels, options.model};
    CHECK(found->weights().deferred.size() == deferred);
    for (const std::size_t count : {13U, 3U, 9U, 1U, 12U, 2U}) {
      auto cache = found->make_cache(count, dtype::f32), other = wanted.make_cache(count, dtype::f32);
      const auto some = std::span{tokens}.last(count);
      CHECK(std::ranges::equal(found->prefill(cache, some), wanted.prefill(other, some)));
    }
    for (const auto& each : found->weights().deferred) CHECK(each->all_kept());
    const auto estimate = tulu::estimate_memory(model, config, {}, weight_layout::panels, 8, dtype::f16, 0);
    std::size_t in_memory = found->weights().lm_head.bytes();
    for (const auto& buffer : found->weights().buffers)
      if (buffer.size() <= sizes.inner * sizeof(float)) in_memory += buffer.size();  // of a vector
    for (const auto& layer : found->weights().layers)
      for (const auto* const matrix : tulu::llama_layer::matrices(layer)) in_memory += matrix->bytes();
    CHECK(estimate.weights_in_memory == in_memory);
    CHECK(estimate.weights_mapped == (config.tie_word_embeddings ? 0 : found->weights().embed_tokens.bytes()));
  };
  for (const bool tied : {false, true})
    for (const bool biased : {false, true})
      for (const dtype stored : {dtype::q4_0, dtype::q8_0, dtype::q5_k}) {
        sizes = stored == dtype::q5_k ? block_sizes(256, 256) : block_sizes(64, 96);
        sizes.vocabulary = 500;  // no whole panels, and on one thread more than one piece of a range
        sizes.tied = tied;
        sizes.attention_bias = biased;
        const tulu::llama_config config = config_at(dir.path() / "model", sizes);
        const auto model = block_catalogue(dir.path() / "model" / "blocks", llama_values(sizes, 40), stored);
        const auto pairs = tulu::test::in_pairs(model, sizes);
        for (const auto* const backend : tulu::kernel::usable_backends(tulu::detect_cpu()))
          if (backend->model->has_panels()) {
            check(model, config, 1, *backend->model, 1 + 7 * sizes.layers);
            check(pairs, config, 3, *backend->model, 1 + (biased ? 5 : 7) * sizes.layers);
          }
      }
}

TEST_CASE("load_llama_weights: without a check only what is converted is looked at for NaN") {
  const temp_dir dir;
  const llama_sizes sizes = block_sizes(64, 64);
  auto values = llama_values(sizes, 41);
  find_tensor(values, "model.layers.1.mlp.up_proj.weight").values[40] = std::numeric_limits<float>::quiet_NaN();
  const fs::path path = write_model(dir.path() / "model", values, llama_config_text(sizes));
  tulu::executor workers{2};
  tulu::load_options options;
  options.check_numbers = false;
  std::size_t read = 0, all = 0;
  options.on_progress = [&](std::size_t done, std::size_t total) {
    read = std::max(read, done);
    all = total;
  };
  CHECK(load_llama_weights(path, options, workers)->warnings.empty());
  CHECK(all == (1 + 2 * sizes.layers) * sizes.hidden * sizeof(float));  // the norms
  CHECK(read == all);
  options.weights = dtype::bf16;
  CHECK(load_llama_weights(path, options, workers)->warnings.size() == 1);
}

}  // namespace load_weights_test
