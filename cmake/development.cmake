# What our own sources are built with; nothing of it reaches the users of tulu::tulu.

add_library(tulu_warnings INTERFACE)
target_compile_options(tulu_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow
                                               $<$<BOOL:${TULU_WERROR}>:-Werror>)

if(TULU_SANITIZE)
  add_compile_options(-fsanitize=${TULU_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TULU_SANITIZE})
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
