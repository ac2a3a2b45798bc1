#include "all_headers.hpp"
#include <tulu/tulu.hpp>

const char* version_of_other();
const char* version_of_other() {
  return tulu::version_string;
}
