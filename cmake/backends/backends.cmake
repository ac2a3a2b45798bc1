include_guard(GLOBAL)

set(TULU_BACKENDS_SOURCE_DIR "${CMAKE_CURRENT_LIST_DIR}")

# tulu_target_backends(TARGET TEMPLATE): adds one translation unit for each backend of this architecture to the target,
# each with the compiler flags of its backend, which reach nothing else. It is the file TEMPLATE with @backend@ and
# @header@ replaced: tulu/simd/@header@.hpp defines tulu::simd::@backend@. Its functions must be templates over the
# backend or named after it, and must use no inline function of anybody else: the linker keeps one of several.
function(tulu_target_backends target template)
  set(avx2 -mavx2 -mfma -mf16c)
  set(avx512 ${avx2} -mavx512f -mavx512cd -mavx512bw -mavx512dq -mavx512vl)
  set(flags_sse4_2 -msse4.2)
  set(flags_avx2 ${avx2})
  set(flags_avx2_vnni ${avx2} -mavxvnni)
  set(flags_avx512 ${avx512})
  set(flags_avx512_vnni_bf16 ${avx512} -mavx512vnni -mavx512bf16)
  set(flags_avx512_amx ${flags_avx512_vnni_bf16} -mamx-tile -mamx-bf16 -mamx-int8)
  set(flags_neon64 "")
  set(flags_neon64_dotprod -march=armv8.2-a+dotprod)
  # A product and a sum in one rounding are not what it says the others must give.
  set(flags_portable -ffp-contract=off)
  set(flags_eigen "")
  set(backends portable eigen)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    list(APPEND backends sse4_2 avx2 avx2_vnni avx512 avx512_vnni_bf16 avx512_amx)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    list(APPEND backends neon64 neon64_dotprod)
  endif()

  cmake_path(GET template STEM stem)
  foreach(backend IN LISTS backends)
    set(header native)
    if(backend MATCHES "^(portable|eigen)$")
      set(header ${backend})
    endif()
    set(source "${CMAKE_CURRENT_BINARY_DIR}/tulu_backends/${stem}_${backend}.cpp")
    configure_file("${template}" "${source}" @ONLY)
    target_sources(${target} PRIVATE "${source}")
    # Unoptimised, inline functions of xsimd would stay in this unit as functions of their own.
    set_property(SOURCE "${source}" TARGET_DIRECTORY ${target}
                 PROPERTY COMPILE_OPTIONS "${flags_${backend}};$<$<CONFIG:Debug>:-O1>")
  endforeach()
endfunction()

# tulu_add_backends(): the library tulu::backends for <tulu/kernel/dispatch.hpp>, which chooses a SIMD backend at run
# time. Calling it again does nothing.
function(tulu_add_backends)
  if(TARGET tulu_backends)
    return()
  endif()
  add_library(tulu_backends STATIC)
  add_library(tulu::backends ALIAS tulu_backends)
  target_link_libraries(tulu_backends PUBLIC tulu::tulu)
  # Kernels are worth it whatever the rest is built with.
  target_compile_options(tulu_backends PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O3>)
  set_target_properties(tulu_backends PROPERTIES POSITION_INDEPENDENT_CODE ON)
  tulu_target_backends(tulu_backends "${TULU_BACKENDS_SOURCE_DIR}/backend.cpp.in")
endfunction()
