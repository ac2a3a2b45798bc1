# Installed xsimd 8.1 names its target `xsimd`, other versions and source trees `xsimd::xsimd`; tulu links the latter.
# Only the headers are taken over: Debian's 8.1.0 also links -lxtl, a library that does not exist (xsimd issue 869).
function(tulu_name_xsimd_target)
  if(TARGET xsimd AND NOT TARGET xsimd::xsimd)
    get_target_property(folders xsimd INTERFACE_INCLUDE_DIRECTORIES)
    add_library(xsimd::xsimd INTERFACE IMPORTED)
    target_include_directories(xsimd::xsimd INTERFACE ${folders})
  endif()
endfunction()
