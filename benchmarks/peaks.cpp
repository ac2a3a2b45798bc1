// Prints what this processor can do at most, all threads together (peaks.hpp). With --json the last line on standard
// output is JSON.

#include "peaks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <thread>

#include "support/cli.hpp"

namespace {

void measure(std::size_t threads, bool json) {
  std::string line;
  for (const peaks::figure& each : peaks::figures()) {
    const double value = peaks::rate(each.best, threads);
    if (!json) std::printf("%-16s %10.1f %s (%s)\n", each.key, value, each.unit, each.best.instruction);
    line += "\"" + std::string{each.key} + "\":" + std::to_string(value) + ",";
  }
  const double reading = peaks::read_rate(threads);
  if (json)
    std::printf("{%s\"read_gb_s\":%.3f,\"threads\":%zu}\n", line.c_str(), reading, threads);
  else
    std::printf("%-16s %10.1f GB/s\n", "read_gb_s", reading);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What this processor can do at most.", "peaks"};
  cli::common_options common;
  bool json = false;
  cli::add_common_options(app, common);
  app.add_flag("--json", json, "One line of JSON on standard output");
  if (const auto code = cli::parse(app, argc, argv)) return *code;
  const std::size_t threads = common.threads != 0 ? common.threads : std::max(1U, std::thread::hardware_concurrency());
  return cli::guarded([&] { measure(threads, json); });
}
