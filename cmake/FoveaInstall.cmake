# `cmake --install` puts the program, the libraries, the public headers and a package there, with which another project
# finds fovea: find_package(fovea) and link fovea::fovea.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One target to link, which brings all layers.
add_library(fovea_all INTERFACE)
set_target_properties(fovea_all PROPERTIES EXPORT_NAME fovea)
target_link_libraries(fovea_all INTERFACE fovea_pipeline)
add_library(fovea::fovea ALIAS fovea_all)

get_property(layers GLOBAL PROPERTY FOVEA_LAYERS)
install(TARGETS fovea_all ${layers} EXPORT fovea ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS fovea RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/fovea DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT fovea NAMESPACE fovea:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fovea FILE fovea-targets.cmake)

write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/fovea-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/fovea-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/fovea-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fovea)
