# What `cmake --install` lays down: the library Murmur::murmur (every component but the servers and
# the program), the public headers with the test kit Murmur::testing, the CMake package, and the
# program where it was built. The target `installed` builds that, and no more.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Murmur)
get_property(components GLOBAL PROPERTY MURMUR_COMPONENTS)
list(REMOVE_ITEM components murmur_serve murmur_cli)

add_library(murmur_library INTERFACE)
set_target_properties(murmur_library PROPERTIES EXPORT_NAME murmur)
target_link_libraries(murmur_library INTERFACE ${components})
add_library(Murmur::murmur ALIAS murmur_library)

# The contract suites of include/murmur/testing. A project that links it has found GoogleTest: with
# find_package(Murmur REQUIRED COMPONENTS testing).
add_library(murmur_testing INTERFACE)
set_target_properties(murmur_testing PROPERTIES EXPORT_NAME testing)
target_link_libraries(murmur_testing INTERFACE murmur_library GTest::gmock)
add_library(Murmur::testing ALIAS murmur_testing)

add_custom_target(installed DEPENDS ${components})

install(TARGETS murmur_library murmur_testing ${components} EXPORT MurmurTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT MurmurTargets NAMESPACE Murmur:: DESTINATION ${package_dir})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/murmur DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/MurmurConfig.cmake.in
  ${PROJECT_BINARY_DIR}/MurmurConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/MurmurConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/MurmurConfig.cmake
  ${PROJECT_BINARY_DIR}/MurmurConfigVersion.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindArrowWheel.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindIsal.cmake
  ${CMAKE_CURRENT_LIST_DIR}/FindCctz.cmake
  DESTINATION ${package_dir})

if(TARGET murmur)
  add_dependencies(installed murmur)
  install(TARGETS murmur RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
