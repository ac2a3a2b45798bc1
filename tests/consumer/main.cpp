#include <cstdio>

#include <tulu/checkpoint/stored_tensor.hpp>
#include <tulu/version.hpp>

const char* version_of_other();

int main() {
  std::printf("tulu %s\n", tulu::version_string);
  return version_of_other() == tulu::version_string ? 0 : 1;
}
