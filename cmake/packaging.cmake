# install, export, tuluConfig.cmake and tulu.pc.

if(NOT DEFINED TULU_INSTALL)
  if(PROJECT_IS_TOP_LEVEL AND NOT TULU_PACKAGED)
    message(STATUS "tulu: install is off: not an installed package: ${TULU_NOT_INSTALLED}")
  endif()
  if(NOT PROJECT_IS_TOP_LEVEL OR NOT TULU_PACKAGED)
    return()
  endif()
elseif(NOT TULU_INSTALL)
  return()
endif()
if(NOT TULU_PACKAGED)
  message(FATAL_ERROR "tulu: TULU_INSTALL needs each dependency as an installed package, because tuluConfig.cmake looks "
                      "for it; not installed: ${TULU_NOT_INSTALLED}")
endif()

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/tulu)
set(generated ${PROJECT_BINARY_DIR}/package)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/tuluConfig.cmake.in ${generated}/tuluConfig.cmake
                              INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${generated}/tuluConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
configure_file(${CMAKE_CURRENT_LIST_DIR}/tulu.pc.in ${generated}/tulu.pc @ONLY)

install(TARGETS tulu EXPORT tulu)
install(EXPORT tulu NAMESPACE tulu:: FILE tuluTargets.cmake DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tulu DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.hpp")
install(FILES ${generated}/tuluConfig.cmake ${generated}/tuluConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/xsimd_target.cmake
        DESTINATION ${package_dir})
install(DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/backends DESTINATION ${package_dir})
install(FILES ${generated}/tulu.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
