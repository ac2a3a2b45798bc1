#include <cstdio>
#include <exception>

#include <tulu/diff/recover.hpp>
#include <tulu/version.hpp>

const char* version_of_other();

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  const auto model = tulu::checkpoint::open(argv[1]);
  std::printf("tulu %s: %zu tensors\n", tulu::version_string, model.tensors().size());
  return version_of_other() == tulu::version_string ? 0 : 1;
} catch (const std::exception& caught) {
  std::fprintf(stderr, "error: %s\n", caught.what());
  return 1;
}
