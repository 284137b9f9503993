# Backends for outside runtimes, each a shared library of its own: fovea_plugin(NAME sources... [LIBRARIES libraries]).
# It lands in `plugins` beside the program, and in lib/fovea/plugins of an installation. Only the table's function is
# visible from outside. Its runtime's libraries are found where they were at build time, or in LD_LIBRARY_PATH.
add_library(fovea_plugin_support STATIC EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/src/backends/plugins/plugin.cc)
target_include_directories(fovea_plugin_support PUBLIC
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src/backends/plugins)
set_target_properties(fovea_plugin_support PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)

function(fovea_plugin name)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  set(target fovea_backend_${name})
  add_library(${target} MODULE ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${target} PRIVATE fovea_plugin_support ${ARG_LIBRARIES})
  set_target_properties(${target} PROPERTIES
    PREFIX lib CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/plugins INSTALL_RPATH_USE_LINK_PATH ON)
  if(UNIX AND NOT APPLE)
    target_link_options(${target} PRIVATE LINKER:--enable-new-dtags)  # RUNPATH: LD_LIBRARY_PATH goes before it
  endif()
  install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/fovea/plugins)
endfunction()
