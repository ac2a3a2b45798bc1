#pragma once

/// The one place of the version; CMakeLists.txt reads these three lines.
#define TULU_VERSION_MAJOR 0
#define TULU_VERSION_MINOR 1
#define TULU_VERSION_PATCH 0

namespace tulu {

inline constexpr int version_major = TULU_VERSION_MAJOR;
inline constexpr int version_minor = TULU_VERSION_MINOR;
inline constexpr int version_patch = TULU_VERSION_PATCH;

/// "MAJOR.MINOR.PATCH".
inline constexpr char version_string[] = {'0' + TULU_VERSION_MAJOR, '.', '0' + TULU_VERSION_MINOR, '.',
                                          '0' + TULU_VERSION_PATCH, '\0'};

}  // namespace tulu
