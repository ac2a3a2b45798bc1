#include <tulu/tulu.hpp>

#include "all_headers.hpp"

const char* version_of_other();
const char* version_of_other() { return tulu::version_string; }
