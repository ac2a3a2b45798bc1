#include <array>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include <tulu/core/executor.hpp>

TEST_CASE("executor: each index is worked on once, whatever the number of threads") {
  for (const std::size_t threads : std::array<std::size_t, 3>{1, 2, 5}) {
    tulu::executor workers{threads};
    CHECK(workers.threads() == threads);
    for (const std::size_t count : std::array<std::size_t, 4>{0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> times(count);
      std::vector<std::atomic<int>> inside(threads);
      std::atomic<bool> alone = true;
      workers.parallel_for(count, [&](std::size_t index, std::size_t thread) {
        if (inside[thread]++ != 0) alone = false;
        ++times[index];
        --inside[thread];
      });
      CHECK(alone);
      for (const auto& time : times) CHECK(time == 1);
    }
  }
}

TEST_CASE("executor: an exception ends the job and reaches the caller; the next job runs") {
  tulu::executor workers{3};
  CHECK_THROWS_WITH_AS(workers.parallel_for(100,
                                            [](std::size_t index, std::size_t) {
                                              if (index == 7) throw std::runtime_error{"seven"};
                                            }),
                       "seven", std::runtime_error);
  std::atomic<int> count = 0;
  workers.parallel_for(10, [&](std::size_t, std::size_t) { ++count; });
  CHECK(count == 10);
}

TEST_CASE("executor: more threads than processors, and thousands of small jobs one after the other") {
  tulu::executor workers{16};
  std::size_t sum = 0;
  for (std::size_t job = 0; job < 3000; ++job) {
    std::array<std::atomic<std::size_t>, 16> parts{};
    workers.parallel_for(1 + job % 7, [&](std::size_t index, std::size_t thread) { parts[thread] += index + 1; });
    for (const auto& part : parts) sum += part;
  }
  std::size_t expected = 0;
  for (std::size_t job = 0; job < 3000; ++job) expected += (1 + job % 7) * (2 + job % 7) / 2;
  CHECK(sum == expected);
}

TEST_CASE("executor: a number of threads that no machine has is refused") {
  CHECK_THROWS_WITH_AS(tulu::executor{tulu::executor::most_threads + 1}, "threads: expected at most 4096, found 4097",
                       tulu::error);
}
