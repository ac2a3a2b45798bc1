#include <array>
#include <cstddef>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/tokenizer/token_sink.hpp>

using tulu::token_id;
using tulu::token_sink;

TEST_CASE("token_sink: nothing is written beyond the buffer, and everything is counted") {
  const std::array<token_id, 4> some{1, 2, 3, 9};
  for (std::size_t room = 0; room < 12; ++room) {
    std::vector<token_id> buffer(room + 4, 77);
    token_sink sink{{buffer.data(), room}};
    std::vector<token_id> all;
    for (std::size_t count = 1; count <= 3; ++count) {
      sink.push(50);
      sink.push_some<4>(some.data(), count);
      all.push_back(50);
      all.insert(all.end(), some.begin(), some.begin() + static_cast<long>(count));
      CHECK(sink.count() == all.size());
    }
    for (std::size_t i = 0; i < room && i < all.size(); ++i) CHECK(buffer[i] == all[i]);
    for (std::size_t i = room; i < buffer.size(); ++i) CHECK(buffer[i] == 77);
  }
}

TEST_CASE("token_sink: rewinding takes back ids, dropped ones too") {
  std::array<token_id, 3> buffer{};
  token_sink sink{buffer};
  for (token_id id = 0; id < 10; ++id) sink.push(id);
  sink.rewind(5);
  CHECK(sink.count() == 5);
  sink.push(1);
  CHECK(sink.count() == 6);
  sink.rewind(2);
  sink.push(42);
  CHECK(sink.count() == 3);
  CHECK(buffer[2] == 42);
}

TEST_CASE("token_sink: a vector grows to what is given") {
  const std::array<token_id, 4> some{1, 2, 3, 9};
  std::vector<token_id> ids(1), all;
  token_sink sink = token_sink::growing(ids);
  for (token_id i = 0; i < 1000; ++i) {
    sink.push(i);
    sink.push_some<4>(some.data(), 3);
    all.insert(all.end(), {i, 1, 2, 3});
  }
  sink.rewind(3000);
  sink.finish();
  all.resize(3000);
  CHECK(ids == all);
}
