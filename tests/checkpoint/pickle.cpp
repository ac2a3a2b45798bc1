#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "../support/temp_dir.hpp"
#include "../support/zip_builder.hpp"
#include <tulu/checkpoint/detail/pickle.hpp>

namespace pickle_test {

using namespace tulu::checkpoint::detail;
using namespace std::string_literals;
using tulu::dtype;
using tulu::test::little;

/// The text has to outlive the result.
pickled unpickle(const std::string& pickle) {
  tulu::io::byte_reader reader{std::as_bytes(std::span{pickle}), "f"};
  return unpickler::read(reader, "f");
}

std::string error_of(const std::string& pickle) {
  return tulu::test::message_of([&] { static_cast<void>(unpickle(pickle)); });
}

bool refused(const std::string& pickle, std::string_view part) {
  const std::string message = error_of(pickle);
  INFO(message);
  CHECK(message.find(part) != std::string::npos);
  return message.find(part) != std::string::npos;
}

/// BINUNICODE.
std::string text(std::string_view value) {
  return "X" + little(value.size(), 4) + std::string{value};
}

std::string repeat(std::string_view part, std::size_t count) {
  std::string out;
  out.reserve(part.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += part;
  return out;
}

const std::string float_storage = "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu");
const std::string rebuild = "ctorch._utils\n_rebuild_tensor_v2\n";
/// A tensor of 6 floats as [2, 3], without the REDUCE.
const std::string tensor = rebuild + "(" + float_storage + "K\6tQK\0K\2K\3\x86K\3K\1\x86\x89)tR"s;

TEST_CASE("numbers of every width are unpickled") {
  const auto number = [](const std::string& pickle) {
    const pickled result = unpickle(pickle);
    const auto* const value = result.get_if<std::int64_t>(result.top);
    REQUIRE(value != nullptr);
    return *value;
  };
  CHECK(number("\x80\2K\xff.") == 255);
  CHECK(number("M\xff\xff.") == 65535);
  CHECK(number("J\xfe\xff\xff\xff.") == -2);
  CHECK(number("\x8a\0."s) == 0);
  CHECK(number("\x8a\1\x80.") == -128);
  CHECK(number("\x8a\2\x80\0."s) == 128);
  CHECK(number("\x8a\x08\0\0\0\0\0\0\0\x80."s) == INT64_MIN);
  CHECK(number("\x8b\2\0\0\0\0\1."s) == 256);
}

TEST_CASE("an integer beyond 64 bits keeps its bytes") {
  const std::string pickle = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  const pickled result = unpickle(pickle);
  REQUIRE(result.get_if<py_long>(result.top) != nullptr);
  CHECK(result.get_if<py_long>(result.top)->value.size() == 10);
}

TEST_CASE("a float is big-endian in a pickle") {
  const std::string pickle = "G\x3f\xf8\0\0\0\0\0\0."s;
  const pickled result = unpickle(pickle);
  REQUIRE(result.get_if<double>(result.top) != nullptr);
  CHECK(*result.get_if<double>(result.top) == 1.5);
}

TEST_CASE("strings of every opcode are unpickled") {
  for (const std::string& pickle :
       {"U\2hi."s, "T\2\0\0\0hi."s, "X\2\0\0\0hi."s, "\x8c\2hi."s, "\x8d\2\0\0\0\0\0\0\0hi."s}) {
    const pickled result = unpickle(pickle);
    REQUIRE(result.get_if<py_text>(result.top) != nullptr);
    CHECK(result.get_if<py_text>(result.top)->value == "hi");
  }
  for (const std::string& pickle :
       {"C\2hi."s, "B\2\0\0\0hi."s, "\x8e\2\0\0\0\0\0\0\0hi."s, "\x96\2\0\0\0\0\0\0\0hi."s}) {
    const pickled result = unpickle(pickle);
    CHECK(result.get_if<py_bytes>(result.top) != nullptr);
  }
}

TEST_CASE("tuples, lists and dicts are unpickled") {
  const auto items = [](const std::string& pickle) {
    const pickled result = unpickle(pickle);
    if (const auto* const tuple = result.get_if<py_tuple>(result.top)) return tuple->items.size();
    if (const auto* const list = result.get_if<py_list>(result.top)) return list->items.size() + 10;
    const auto* const dict = result.get_if<py_dict>(result.top);
    REQUIRE(dict != nullptr);
    return dict->items.size() + 20;
  };
  CHECK(items(").") == 0);
  CHECK(items("N\x85.") == 1);
  CHECK(items("NN\x86.") == 2);
  CHECK(items("NNN\x87.") == 3);
  CHECK(items("(NNNNt.") == 4);
  CHECK(items("].") == 10);
  CHECK(items("]Na(NNe.") == 13);
  CHECK(items("(NNl.") == 12);
  CHECK(items("\x8f(NN\x90.") == 12);
  CHECK(items("(N\x91.") == 11);
  CHECK(items("}.") == 20);
  CHECK(items("}NNs(NNNNu.") == 23);
  CHECK(items("(NNd.") == 21);
}

TEST_CASE("the memo gives objects back by id, with gaps, and by MEMOIZE in order") {
  const std::string pickle = "K\7q\5K\x08r\x09\0\0\0h\5j\x09\0\0\0\x86."s;
  const pickled result = unpickle(pickle);
  const auto* const pair = result.get_if<py_tuple>(result.top);
  REQUIRE(pair != nullptr);
  CHECK(*result.get_if<std::int64_t>(pair->items[0]) == 7);
  CHECK(*result.get_if<std::int64_t>(pair->items[1]) == 8);
  const std::string in_order = "K\1\x94K\2\x94h\1.";
  CHECK(*unpickle(in_order).get_if<std::int64_t>(unpickle(in_order).top) == 2);
}

TEST_CASE("marks, POP, POP_MARK and DUP move the stack as Python does") {
  const std::string pickle =
      "K\1(NN1(N00K\2"
      "02\x86.";
  const pickled result = unpickle(pickle);
  const auto* const pair = result.get_if<py_tuple>(result.top);
  REQUIRE(pair != nullptr);
  CHECK(pair->items[0] == pair->items[1]);
}

TEST_CASE("a tensor is described by its storage, offset, size and stride") {
  const std::string pickle = tensor + ".";
  const pickled result = unpickle(pickle);
  const auto* const found = result.get_if<py_tensor>(result.top);
  REQUIRE(found != nullptr);
  CHECK(found->type == dtype::f32);
  CHECK(found->offset == 0);
  CHECK(result.get_if<py_tuple>(found->size)->items.size() == 2);
  REQUIRE(result.storages.size() == 1);
  CHECK(result.storages[0].key == "0");
  CHECK(result.storages[0].count == 6);
}

TEST_CASE("parameters, torch.Size and the dtype of _rebuild_tensor_v3 are understood") {
  const auto type_of = [](const std::string& pickle) {
    const pickled result = unpickle(pickle);
    const auto* const found = result.get_if<py_tensor>(result.top);
    REQUIRE(found != nullptr);
    return found->type;
  };
  CHECK(type_of("ctorch._utils\n_rebuild_parameter\n(" + tensor + "\x88)tR.") == dtype::f32);
  CHECK(type_of("ctorch._utils\n_rebuild_parameter_with_state\n(" + tensor + "\x88)}tR.") == dtype::f32);
  CHECK(type_of("ctorch._utils\n_rebuild_tensor\n(" + float_storage + "K\6tQK\0K\6\x85K\1\x85tR."s) == dtype::f32);
  const std::string bytes =
      "(" + text("storage") + "ctorch.storage\nUntypedStorage\n" + text("0") + text("cpu") + "K\6tQ";
  CHECK(type_of("ctorch._utils\n_rebuild_tensor_v3\n(" + bytes + "K\0K\3\x85K\1\x85\x89)ctorch\nuint16\ntR."s) ==
        dtype::u16);
  CHECK(type_of(rebuild + "(" + float_storage + "K\6tQK\0ctorch\nSize\nK\6\x85\x85RK\1\x85\x89)tR."s) == dtype::f32);
  CHECK(type_of("\x8c\x0ctorch._utils\x8c\x12_rebuild_tensor_v2\x93(" + float_storage +
                "K\6tQK\0K\6\x85K\1\x85\x89)tR."s) == dtype::f32);
}

TEST_CASE("the state of an OrderedDict is passed over") {
  const std::string pickle = "ccollections\nOrderedDict\n)R" + text("a") + "Ns}" + text("_metadata") + "}sb.";
  const pickled result = unpickle(pickle);
  REQUIRE(result.get_if<py_dict>(result.top) != nullptr);
  CHECK(result.get_if<py_dict>(result.top)->items.size() == 1);
}

TEST_CASE("every global that is not on the list is refused by name and position") {
  CHECK(error_of("cos\nsystem\n(" + text("true") + "tR.") ==
        "f: byte 0: expected a global of a PyTorch checkpoint, found 'os.system'");
  CHECK(error_of("N0cposix\nsystem\n.") ==
        "f: byte 2: expected a global of a PyTorch checkpoint, found 'posix.system'");
  for (const std::string_view name :
       {"builtins\neval", "__builtin__\neval", "builtins\ngetattr", "torch\nload", "torch.storage\n_load_from_bytes",
        "torch\nComplexFloatStorage", "torch\nQInt8Storage", "subprocess\nPopen", "collections\nCounter",
        "torch\nfloat17", "torch._utils\n_rebuild_sparse_tensor", "torch.jit\nload", "\n", "torch\nSize "})
    refused("c" + std::string{name} + "\n.", "a global of a PyTorch checkpoint");
  refused(text("os") + text("system") + "\x93.", "'os.system'");
}

TEST_CASE("opcodes that a checkpoint does not need are refused") {
  for (const std::string_view code : {"i", "o", "\x92", "\x82", "\x83", "\x84", "P", "I", "F", "L", "S", "V", "g", "p",
                                      "\x97", "\x98", "\xff", "\x01"})
    refused("(" + std::string{code} + "os\nsystem\n.", "a known pickle opcode");
}

TEST_CASE("a pickle that works on what is not there is refused") {
  for (const std::string_view pickle :
       {".", "0", "2", "\x85", "N\x86", "(\x85", "(a", "}Ns", "q\1", "R", "NR", "Q", "b", "\x93"})
    refused(std::string{pickle} + "...", "expected");
  refused("t.", "a MARK");
  refused("Nl.", "a MARK");
  refused("(Nd.", "pairs of key and value");
  refused("N(Ne.", "a list to append to, found None");
  refused("](NNu.", "a dict to set items of, found a list");
  refused("h\5.", "the id of an object in the memo, found 5");
  refused("Nq\1h\0."s, "the id of an object in the memo, found 0");
  refused("Nr\xff\xff\xff\xff.", "a memo id below");
}

TEST_CASE("lengths beyond the end of a pickle are refused") {
  refused("\x80\6.", "a pickle protocol up to 5, found 6");
  refused("\x8b\xff\xff\xff\x7fx.", "2147483647 bytes");
  refused("\x8b\xff\xff\xff\xffx.", "a length of at least 0, found -1");
  refused("\x8d\xff\xff\xff\xff\xff\xff\xff\xffx.", "18446744073709551615 bytes");
  refused("\x8e\0\0\0\0\0\0\0\x80x."s, "9223372036854775808 bytes");
  refused("X\xff\xff\xff\xffx.", "4294967295 bytes");
  refused("\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "a frame of at most 2 bytes");
  refused("ctorch", "until the end");
  refused("", "until the end");
}

TEST_CASE("persistent ids other than storages are refused") {
  refused("NQ.", "a storage as persistent id, found None");
  refused(")Q.", "a persistent id of 5 or 6 items");
  refused("(" + text("module") + "NNNNtQ.", "the string 'storage'");
  refused("(" + text("storage") + "NNNNtQ.", "a storage class");
  refused("(" + text("storage") + "ctorch\nfloat32\n" + text("0") + "NK\1tQ.", "a storage class");
  refused(float_storage + "J\xff\xff\xff\xfftQ.", "a number of elements of at least 0");
  refused(float_storage + "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ.", "a storage size that fits 64 bits");
  refused(float_storage + "K\6tQ" + float_storage + "K\7tQ.", "storage '0' of 6 F32 as before, found 7 F32");
  refused(float_storage + "K\6(" + text("1") + "K\4K\3ttQ.", "a view inside its storage of 6 elements, found 3 from 4");
}

TEST_CASE("calls with the wrong arguments are refused") {
  refused(rebuild + ")R.", "6 or 7 arguments, found 0");
  refused(rebuild + "NR.", "a tuple of arguments");
  refused(rebuild + "(NNNNNNtR.", "a storage, found None");
  refused(rebuild + "(" + float_storage + "K\6tQNNNNNtR.", "a tuple of extents");
  refused(rebuild + "(" + float_storage + "K\6tQK\0K\6\x85K\1\x85\x89)}"s + text("neg") + "\x88stR.",
          "no tensor metadata");
  refused("ctorch._utils\n_rebuild_parameter\n(NNNtR.", "a tensor, found None");
  refused("ctorch\nFloatStorage\n)R.", "a global that can be called");
  refused("N)R.", "a global to call");
  refused("ccollections\nOrderedDict\n]\x85R.", "0 arguments, found 1");
  refused(tensor + "}b.", "an OrderedDict to set the state of, found a tensor");
}

TEST_CASE("a million nested containers neither overflow a stack nor leak") {
  constexpr std::size_t depth = 1'000'000;
  CHECK(error_of(repeat("(", depth) + ".") != "");
  CHECK(error_of(repeat("(", depth)) != "");
  CHECK(unpickle(repeat("]", depth) + repeat("a", depth - 1) + ".").objects.size() == depth);
  CHECK(unpickle("N" + repeat("\x85", depth) + ".").objects.size() == depth + 1);
  CHECK(unpickle(repeat("(", depth) + "N" + repeat("t", depth) + ".").objects.size() == depth + 1);
  CHECK(unpickle("}" + repeat("N}", depth / 2) + repeat("s", depth / 2) + ".").objects.size() == depth + 1);
}

TEST_CASE("containers that hold themselves neither loop nor leak") {
  const std::string list = "]q\1h\1a.";
  const pickled result = unpickle(list);
  REQUIRE(result.get_if<py_list>(result.top) != nullptr);
  CHECK(result.get_if<py_list>(result.top)->items[0] == result.top);
  CHECK(unpickle("}q\1Nh\1s.").objects.size() == 2);
}

TEST_CASE("a pickle of too many objects is refused") {
  refused(repeat("N", unpickler::most_objects + 1) + ".", "objects in a pickle");
  refused("N" + repeat("2", unpickler::most_objects + 1) + ".", "a stack of at most");
}

}  // namespace pickle_test
