#include <tulu/diff/recover.hpp>
#include <tulu/version.hpp>

const char* version_of_other();
const char* version_of_other() {
  return tulu::version_string;
}
