# The packages tulu is made of: the target the enclosing project already has, else an installed package, else a pinned
# download. The download is used as headers only: none of its own CMake code runs.

include(FetchContent)
include(${CMAKE_CURRENT_LIST_DIR}/xsimd_target.cmake)

# Names of the dependencies of tulu::tulu that are no installed package; while there are any, tulu cannot be installed.
set(TULU_NOT_INSTALLED "")

# tulu_dependency(NAME VERSION v TARGET t DEBIAN package GIT_REPOSITORY url GIT_TAG tag INCLUDE folder)
macro(tulu_dependency name)
  cmake_parse_arguments(dependency "" "VERSION;TARGET;DEBIAN;GIT_REPOSITORY;GIT_TAG;INCLUDE" "" ${ARGN})
  tulu_name_xsimd_target()
  if(TARGET ${dependency_TARGET})
    get_target_property(dependency_imported ${dependency_TARGET} IMPORTED)
    if(NOT dependency_imported)
      list(APPEND TULU_NOT_INSTALLED ${name})
    endif()
  else()
    find_package(${name} ${dependency_VERSION} QUIET)
    tulu_name_xsimd_target()
    if(NOT TARGET ${dependency_TARGET})
      message(STATUS "tulu: no package ${name} ${dependency_VERSION} (Debian: ${dependency_DEBIAN}), "
                     "fetching ${dependency_GIT_TAG}")
      tulu_fetch_headers(${name} ${dependency_TARGET} ${dependency_GIT_REPOSITORY} ${dependency_GIT_TAG}
                         "${dependency_INCLUDE}")
      list(APPEND TULU_NOT_INSTALLED ${name})
    endif()
  endif()
endmacro()

# An imported target, so that its headers are system headers for the compiler's warnings.
function(tulu_fetch_headers name target repository tag include)
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW TRUE SOURCE_SUBDIR headers-only)
  FetchContent_MakeAvailable(${name})
  string(TOLOWER ${name} lower)
  set(folder ${${lower}_SOURCE_DIR})
  if(include)
    string(APPEND folder /${include})
  endif()
  add_library(${target} INTERFACE IMPORTED)
  target_include_directories(${target} INTERFACE ${folder})
endfunction()

find_package(Threads REQUIRED)
tulu_dependency(
  Eigen3 VERSION 3.4 TARGET Eigen3::Eigen DEBIAN libeigen3-dev
  GIT_REPOSITORY https://gitlab.com/libeigen/eigen.git GIT_TAG 3.4.0)
tulu_dependency(
  xsimd VERSION 8.1 TARGET xsimd::xsimd DEBIAN libxsimd-dev INCLUDE include
  GIT_REPOSITORY https://github.com/xtensor-stack/xsimd.git GIT_TAG 8.1.0)
tulu_dependency(
  nlohmann_json VERSION 3.11 TARGET nlohmann_json::nlohmann_json DEBIAN nlohmann-json3-dev INCLUDE include
  GIT_REPOSITORY https://github.com/nlohmann/json.git GIT_TAG v3.11.2)
set(TULU_PACKAGED ON)
if(TULU_NOT_INSTALLED)
  set(TULU_PACKAGED OFF)
endif()

if(TULU_BUILD_EXAMPLES OR TULU_BUILD_BENCHMARKS)
  tulu_dependency(
    CLI11 VERSION 2.1 TARGET CLI11::CLI11 DEBIAN libcli11-dev INCLUDE include
    GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git GIT_TAG v2.1.2)
endif()
if(TULU_BUILD_TESTS)
  tulu_dependency(
    doctest VERSION 2.4 TARGET doctest::doctest DEBIAN doctest-dev
    GIT_REPOSITORY https://github.com/doctest/doctest.git GIT_TAG v2.4.9)
endif()
if(TULU_BUILD_BENCHMARKS AND NOT TARGET benchmark::benchmark)
  find_package(benchmark 1.7 QUIET)
  if(NOT TARGET benchmark::benchmark)
    message(STATUS "tulu: no package benchmark 1.7 (Debian: libbenchmark-dev), fetching v1.7.1")
    set(BENCHMARK_ENABLE_TESTING OFF CACHE BOOL "tulu: only the library" FORCE)
    set(BENCHMARK_ENABLE_INSTALL OFF CACHE BOOL "tulu: only the library" FORCE)
    FetchContent_Declare(benchmark GIT_REPOSITORY https://github.com/google/benchmark.git GIT_TAG v1.7.1
                                   GIT_SHALLOW TRUE)
    FetchContent_MakeAvailable(benchmark)
  endif()
endif()
