#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../support/model_folder.hpp"
#include <tulu/diff/make_diff.hpp>
#include <tulu/diff/recover.hpp>
#include <tulu/diff/verify.hpp>

namespace {

namespace fs = std::filesystem;
using namespace tulu;
using tulu::test::message_of;
using tulu::test::model_values;
using tulu::test::small_model;
using tulu::test::write_model;

/// The values of a float32 tensor of a model folder.
std::vector<float> values_of(const fs::path& model, std::string_view name) {
  const auto opened = checkpoint::open(model);
  const checkpoint::stored_tensor* tensor = opened.find(name);
  REQUIRE(tensor != nullptr);
  REQUIRE(tensor->type() == dtype::f32);
  std::vector<float> values(tensor->size());
  tensor->read(0, values.size(), std::as_writable_bytes(std::span{values}));
  return values;
}

diff_result recover_folders(const fs::path& base, const fs::path& diff, const fs::path& out,
                            const diff_options& options = {}) {
  return recover(checkpoint::open(base), checkpoint::open(diff), out, options);
}

std::string failure(const fs::path& base, const fs::path& diff, const fs::path& out, const diff_options& options = {}) {
  return message_of([&] { recover_folders(base, diff, out, options); });
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// The files of a folder, names and contents.
std::map<std::string, std::string> contents_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator{folder})
    files[entry.path().filename().string()] = test::read_file(entry.path());
  return files;
}

}  // namespace

TEST_CASE("recover writes the float32 sum of base and diff under the keys of the diff") {
  const test::temp_dir dir;
  const model_values base = small_model(5, 1);
  const model_values diff = small_model(5, 11);
  write_model(dir.path() / "base", base);
  write_model(dir.path() / "diff", diff, R"({"torch_dtype": "float16", "rms_norm_eps": 1e-06, "dtype": "float16"})");
  const diff_result result = recover_folders(dir.path() / "base", dir.path() / "diff", dir.path() / "out");
  CHECK(result.tensors == 4);
  CHECK(result.shards == 1);
  for (std::size_t i = 0; i < base.size(); ++i) {
    const std::vector<float> sum = values_of(dir.path() / "out", base[i].name);
    for (std::size_t j = 0; j < sum.size(); ++j) CHECK(sum[j] == base[i].values[j] + diff[i].values[j]);
  }
  const io::json config = io::load_json(dir.path() / "out" / "config.json");
  CHECK(config["torch_dtype"] == "float32");
  CHECK(config["dtype"] == "float32");
  CHECK(config["rms_norm_eps"] == 1e-06);
  CHECK_FALSE(fs::exists(dir.path() / "out" / "model.safetensors.index.json"));
  CHECK(verify(dir.path() / "out").tensor_digest == result.tensor_digest);
}

TEST_CASE("new vocabulary rows take the mean of the base's rows") {
  const test::temp_dir dir;
  const model_values base = small_model(50, 1);
  const model_values diff = small_model(52, 11);
  write_model(dir.path() / "base", base);
  write_model(dir.path() / "diff", diff, R"({"vocab_size": 52})");
  recover_folders(dir.path() / "base", dir.path() / "diff", dir.path() / "out");
  for (const std::size_t which : {std::size_t{0}, std::size_t{3}}) {
    const std::vector<float> out = values_of(dir.path() / "out", base[which].name);
    for (std::size_t column = 0; column < 3; ++column) {
      double mean = 0;
      for (std::size_t row = 0; row < 50; ++row) mean += base[which].values[row * 3 + column];
      for (const std::size_t row : {std::size_t{50}, std::size_t{51}})
        CHECK(out[row * 3 + column] == diff[which].values[row * 3 + column] + static_cast<float>(mean / 50));
      CHECK(out[column] == base[which].values[column] + diff[which].values[column]);
    }
  }
}

TEST_CASE("make_diff and recover are inverse up to float32 rounding, with new rows and in every type") {
  for (const dtype type : {dtype::f16, dtype::bf16, dtype::f32}) {
    const test::temp_dir dir;
    const model_values tuned = small_model(7, 21, type);
    write_model(dir.path() / "base", small_model(6, 1, type));
    write_model(dir.path() / "tuned", tuned);
    make_diff(checkpoint::open(dir.path() / "base"), checkpoint::open(dir.path() / "tuned"), dir.path() / "diff");
    CHECK(checkpoint::open(dir.path() / "diff").metadata().at("tulu_diff") == "1");
    diff_options options;
    options.type = type;
    recover_folders(dir.path() / "base", dir.path() / "diff", dir.path() / "out", options);
    const auto before = checkpoint::open(dir.path() / "tuned");
    const auto after = checkpoint::open(dir.path() / "out");
    CHECK(after.metadata().count("tulu_diff") == 0);
    for (const auto& tensor : before.tensors()) {
      CAPTURE(tensor.name());
      const auto expected = tensor.materialise();
      const auto found = after.find(tensor.name())->materialise();
      if (type != dtype::f32) {
        CHECK(std::memcmp(expected.view().bytes.data(), found.view().bytes.data(), tensor.bytes()) == 0);
        continue;
      }
      const auto* a = reinterpret_cast<const float*>(expected.view().bytes.data());
      const auto* b = reinterpret_cast<const float*>(found.view().bytes.data());
      for (std::size_t i = 0; i < tensor.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= 4e-7F * (1 + std::abs(a[i])));
    }
  }
}

TEST_CASE("a tied embedding is added twice without the marker and once with it") {
  const test::temp_dir dir;
  model_values base = small_model(5, 1);
  model_values diff = small_model(5, 11);
  diff.pop_back();
  write_model(dir.path() / "base", base);
  const std::string tied = R"({"tie_word_embeddings": true})";
  write_model(dir.path() / "plain", diff, tied);
  write_model(dir.path() / "marked", diff, tied, {{"format", "pt"}, {"tulu_diff", "1"}});
  std::vector<std::string> warnings;
  diff_options options;
  options.on_warning = [&](std::string_view text) { warnings.emplace_back(text); };

  recover_folders(dir.path() / "base", dir.path() / "plain", dir.path() / "twice", options);
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "added twice"));
  recover_folders(dir.path() / "base", dir.path() / "marked", dir.path() / "once", options);
  CHECK(warnings.size() == 1);
  const std::vector<float> twice = values_of(dir.path() / "twice", "model.embed_tokens.weight");
  const std::vector<float> once = values_of(dir.path() / "once", "model.embed_tokens.weight");
  for (std::size_t i = 0; i < once.size(); ++i) {
    const float embed = diff[0].values[i] + base[0].values[i];
    CHECK(once[i] == embed);
    CHECK(twice[i] == embed + base[3].values[i]);
  }
}

TEST_CASE("one stored vocabulary tensor means tied, under whichever name, and the output says so") {
  const test::temp_dir dir;
  model_values head_only = small_model(5, 11);
  head_only.erase(head_only.begin());
  write_model(dir.path() / "base", small_model(5, 1));
  write_model(dir.path() / "diff", head_only, "{}", {{"tulu_diff", "1"}});
  recover_folders(dir.path() / "base", dir.path() / "diff", dir.path() / "out");
  const auto out = checkpoint::open(dir.path() / "out");
  CHECK(out.find("lm_head.weight") == nullptr);
  CHECK(out.find("model.embed_tokens.weight") != nullptr);
  CHECK(io::load_json(dir.path() / "out" / "config.json")["tie_word_embeddings"] == true);

  write_model(dir.path() / "untied", head_only, R"({"tie_word_embeddings": false})");
  CHECK(contains(failure(dir.path() / "base", dir.path() / "untied", dir.path() / "none"),
                 "model.embed_tokens.weight: expected the tensor"));
}

TEST_CASE("inv_freq is left out whichever side has it; integers are carried through") {
  const test::temp_dir dir;
  const test::tensor_values derived{"model.layers.0.self_attn.rotary_emb.inv_freq", {2}, {1, 2}};
  for (const int sides : {1, 2, 3}) {
    CAPTURE(sides);
    model_values base = small_model(5, 1);
    model_values diff = small_model(5, 11);
    if ((sides & 1) != 0) base.push_back(derived);
    if ((sides & 2) != 0) diff.push_back(derived);
    const fs::path root = dir.path() / std::to_string(sides);
    write_model(root / "base", base);
    write_model(root / "diff", diff);
    CHECK(recover_folders(root / "base", root / "diff", root / "out").tensors == 4);
  }
}

TEST_CASE("what does not fit is refused by file and tensor before anything is written") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(5, 1), R"({"hidden_size": 3})");
  const fs::path out = dir.path() / "out";

  model_values fewer = small_model(5, 11);
  fewer.erase(fewer.begin() + 1);
  const fs::path lacks = write_model(dir.path() / "lacks", fewer);
  CHECK(contains(failure(base, lacks, out), "model.layers.0.self_attn.q_proj.weight: expected the tensor"));
  CHECK(contains(failure(lacks, base, out), "model.layers.0.self_attn.q_proj.weight: expected the tensor"));

  model_values reshaped = small_model(5, 11);
  reshaped[1].extents = {1, 9};
  CHECK(contains(failure(base, write_model(dir.path() / "reshaped", reshaped), out),
                 "q_proj.weight: expected shape [1, 9]"));
  CHECK(contains(failure(base, write_model(dir.path() / "fewer_rows", small_model(4, 11)), out),
                 "model.embed_tokens.weight: expected shape [4, 3]"));
  CHECK(contains(failure(base, write_model(dir.path() / "size", small_model(5, 1), R"({"hidden_size": 4})"), out),
                 "hidden_size: expected 4"));
  CHECK(contains(failure(base, write_model(dir.path() / "vocabulary", small_model(5, 1), R"({"vocab_size": 6})"), out),
                 "vocab_size: expected 5"));
  CHECK(contains(failure(base, base, base), "expected an output folder that is no input"));
  CHECK_FALSE(fs::exists(out));

  fs::remove(dir.path() / "size" / "config.json");
  CHECK(contains(failure(base, dir.path() / "size", out), "config.json"));
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("a run that was stopped is continued and ends with the same bytes") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(40, 1));
  const fs::path diff = write_model(dir.path() / "diff", small_model(41, 11));
  diff_options options;
  options.max_shard_bytes = 300;
  options.threads = 1;
  const diff_result whole = recover_folders(base, diff, dir.path() / "whole", options);
  CHECK(whole.shards == 3);

  for (const std::size_t stop_after : {std::size_t{1}, std::size_t{500}, std::size_t{900}}) {
    CAPTURE(stop_after);
    const fs::path out = dir.path() / ("stopped" + std::to_string(stop_after));
    std::stop_source stop;
    diff_options stopped = options;
    stopped.stop = stop.get_token();
    stopped.on_progress = [&](std::size_t done, std::size_t) {
      if (done >= stop_after) stop.request_stop();
    };
    CHECK(failure(base, diff, out, stopped) == "cancelled");
    CHECK_FALSE(fs::exists(out / "tulu_manifest.json"));
    CHECK_FALSE(fs::exists(out / "config.json"));

    diff_options other = options;
    other.type = dtype::f16;
    CHECK(contains(failure(base, diff, out, other), "dtype: expected F16, found auto"));

    const diff_result rest = recover_folders(base, diff, out, options);
    CHECK(rest.tensor_digest == whole.tensor_digest);
    CHECK((rest.resumed_shards == 0) == (stop_after == 1));
    CHECK(contents_of(out) == contents_of(dir.path() / "whole"));
  }
}

TEST_CASE("a shard that changed since it was written is made again when the run is continued") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(40, 1));
  const fs::path diff = write_model(dir.path() / "diff", small_model(40, 11));
  const fs::path out = dir.path() / "out";
  diff_options options;
  options.max_shard_bytes = 300;
  options.threads = 1;
  recover_folders(base, diff, dir.path() / "whole", options);

  std::stop_source stop;
  diff_options stopped = options;
  stopped.stop = stop.get_token();
  stopped.on_progress = [&](std::size_t done, std::size_t) {
    if (done >= 900) stop.request_stop();
  };
  CHECK(failure(base, diff, out, stopped) == "cancelled");
  const fs::path first = out / "model-00001-of-00003.safetensors";
  std::string changed = test::read_file(first);
  changed.back() = static_cast<char>(changed.back() ^ 1);
  test::write_file(first, changed);
  CHECK(recover_folders(base, diff, out, options).resumed_shards == 0);
  CHECK(contents_of(out) == contents_of(dir.path() / "whole"));
}

TEST_CASE("force replaces an output of other options and leaves nothing of it, and never a foreign file") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(40, 1));
  const fs::path diff = write_model(dir.path() / "diff", small_model(40, 11));
  const fs::path out = dir.path() / "out";
  diff_options options;
  options.max_shard_bytes = 300;
  recover_folders(base, diff, out, options);
  const auto whole = contents_of(out);
  CHECK(recover_folders(base, diff, out, options).already_complete);

  diff_options half = options;
  half.type = dtype::f16;
  CHECK(contains(failure(base, diff, out, half), "dtype: expected F16, found auto"));
  half.force = true;
  half.max_shard_bytes = 1000;
  CHECK(recover_folders(base, diff, out, half).shards == 1);
  CHECK_FALSE(fs::exists(out / "model-00001-of-00003.safetensors"));
  CHECK_FALSE(fs::exists(out / "model.safetensors.index.json"));

  test::write_file(out / "notes.txt", "mine");
  CHECK(contains(failure(base, diff, out, half), "the foreign file notes.txt"));
  CHECK(test::read_file(out / "notes.txt") == "mine");
  fs::remove(out / "notes.txt");

  options.force = true;
  recover_folders(base, diff, out, options);
  CHECK(contents_of(out) == whole);
}

TEST_CASE("verify finds a changed byte, a cut file and a missing one") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(40, 1));
  const fs::path diff = write_model(dir.path() / "diff", small_model(40, 11));
  const fs::path out = dir.path() / "out";
  CHECK(contains(message_of([&] { verify(out); }), "expected a folder"));
  recover_folders(base, diff, out);
  const std::string shard = test::read_file(out / "model.safetensors");

  std::string changed = shard;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  test::write_file(out / "model.safetensors", changed);
  CHECK(contains(message_of([&] { verify(out); }), "model.safetensors: expected SHA-256"));
  test::write_file(out / "model.safetensors", shard.substr(0, shard.size() - 4));
  CHECK(contains(message_of([&] { verify(out); }), "model.safetensors: expected"));
  fs::remove(out / "model.safetensors");
  CHECK(contains(message_of([&] { verify(out); }), "cannot open"));
  test::write_file(out / "model.safetensors", shard);
  verify(out);
  fs::remove(out / "tulu_manifest.json");
  CHECK(contains(message_of([&] { verify(out); }), "the output is not complete"));
}

TEST_CASE("a float16 base whose values all fit bfloat16 brings a warning") {
  const test::temp_dir dir;
  model_values rounded = small_model(40, 1, dtype::f16);
  model_values genuine = rounded;
  for (auto& tensor : rounded)
    for (float& value : tensor.values) value = to_float(to_bf16(value));
  const fs::path diff = write_model(dir.path() / "diff", small_model(40, 11));
  std::vector<std::string> warnings;
  diff_options options;
  options.on_warning = [&](std::string_view text) { warnings.emplace_back(text); };
  recover_folders(write_model(dir.path() / "genuine", genuine), diff, dir.path() / "a", options);
  CHECK(warnings.empty());
  recover_folders(write_model(dir.path() / "rounded", rounded), diff, dir.path() / "b", options);
  REQUIRE(warnings.size() == 1);
  CHECK(contains(warnings[0], "bfloat16"));
}

TEST_CASE("names in a journal cannot lead out of the folder") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(5, 1));
  const fs::path out = dir.path() / "out";
  fs::create_directories(out);
  test::write_file(dir.path() / "victim", "mine");
  test::write_file(out / ".tulu_manifest.journal", R"({"identity":{"a":"b"},"files":["../victim"]})"
                                                   "\n");
  diff_options options;
  options.force = true;
  CHECK(contains(failure(base, write_model(dir.path() / "diff", small_model(5, 2)), out, options),
                 "expected plain file names"));
  CHECK(test::read_file(dir.path() / "victim") == "mine");
}

TEST_CASE("a forced run that was stopped forgets no file of the output it replaces") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(40, 1));
  const fs::path diff = write_model(dir.path() / "diff", small_model(40, 11));
  const fs::path out = dir.path() / "out";
  diff_options shards;
  shards.max_shard_bytes = 300;
  std::stop_source stop;
  diff_options stopped = shards;
  stopped.threads = 1;
  stopped.stop = stop.get_token();
  stopped.on_progress = [&](std::size_t done, std::size_t) {
    if (done > 900) stop.request_stop();
  };
  CHECK(failure(base, diff, out, stopped) == "cancelled");
  CHECK(fs::exists(out / "model-00001-of-00003.safetensors"));

  diff_options whole;
  whole.force = true;
  std::stop_source at_once;
  at_once.request_stop();
  whole.stop = at_once.get_token();
  CHECK(failure(base, diff, out, whole) == "cancelled");
  whole.stop = {};
  CHECK(recover_folders(base, diff, out, whole).shards == 1);
  CHECK_FALSE(fs::exists(out / "model-00001-of-00003.safetensors"));
  verify(out);

  test::write_file(out / "pytorch_model.bin", "other weights");
  CHECK(contains(message_of([&] { verify(out); }), "pytorch_model.bin"));
}

TEST_CASE("what the file system refuses is an error of tulu that names the path") {
  const test::temp_dir dir;
  const fs::path base = write_model(dir.path() / "base", small_model(5, 1));
  const fs::path diff = write_model(dir.path() / "diff", small_model(5, 2));
  CHECK(contains(failure(base, diff, base / "config.json" / "out"), "config.json"));
  CHECK(contains(failure(base, diff, dir.path() / std::string(300, 'x')), "xxx"));
  test::write_file(diff / "tokenizer\xff.json", "{}");
  CHECK(contains(failure(base, diff, dir.path() / "out"), "expected UTF-8"));
  CHECK_FALSE(fs::exists(dir.path() / "out"));
}
