#include "all_headers.hpp"
#include <tulu/tulu.hpp>

const char* version_of_other();

// Both translation units see the same inline variable.
int main() {
  return version_of_other() == tulu::version_string ? 0 : 1;
}
