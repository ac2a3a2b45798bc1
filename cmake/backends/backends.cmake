include_guard(GLOBAL)

set(TULU_BACKENDS_SOURCE_DIR "${CMAKE_CURRENT_LIST_DIR}")

# tulu_add_backends(): the library tulu::backends for <tulu/kernel/dispatch.hpp>, which chooses a SIMD backend at run
# time. One translation unit per backend, each with its own flags; the flags reach nothing that links to the library.
# Calling it again does nothing.
function(tulu_add_backends)
  if(TARGET tulu_backends)
    return()
  endif()
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    add_library(tulu_backends INTERFACE)
    target_link_libraries(tulu_backends INTERFACE tulu::tulu)
    add_library(tulu::backends ALIAS tulu_backends)
    return()
  endif()

  set(avx2 -mavx2 -mfma -mf16c)
  set(flags_sse4_2 -msse4.2)
  set(flags_avx2 ${avx2})
  set(flags_avx512 ${avx2} -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl)

  add_library(tulu_backends STATIC)
  add_library(tulu::backends ALIAS tulu_backends)
  target_link_libraries(tulu_backends PUBLIC tulu::tulu)
  set_target_properties(tulu_backends PROPERTIES POSITION_INDEPENDENT_CODE ON)
  foreach(backend IN ITEMS sse4_2 avx2 avx512)
    set(source "${TULU_BACKENDS_SOURCE_DIR}/${backend}.cpp")
    target_sources(tulu_backends PRIVATE "${source}")
    set_property(SOURCE "${source}" TARGET_DIRECTORY tulu_backends PROPERTY COMPILE_OPTIONS "${flags_${backend}}")
  endforeach()
endfunction()
