# murmur_component(NAME [HOT] [DEPS targets…] [PRIVATE_DEPS targets…] [TEST_DEPS targets…])
#
# HOT: every record passes through it, so it is worth the compiler's time.
# The folder's *.cc become the static library murmur_NAME; its *_test.cc the test program
# murmur_NAME_test; *_bench.cc the benchmark murmur_NAME_bench. Sources are globbed by suffix, so
# that a test can't be forgotten.
function(murmur_component name)
  cmake_parse_arguments(arg "HOT" "" "DEPS;PRIVATE_DEPS;TEST_DEPS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(benches ${sources})
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cc$")

  if(NOT sources)
    return()
  endif()
  add_library(murmur_${name} STATIC ${sources})
  target_include_directories(murmur_${name}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(murmur_${name} PUBLIC cxx_std_20)
  target_link_libraries(murmur_${name} PUBLIC ${arg_DEPS} PRIVATE $<BUILD_INTERFACE:murmur_warnings>
    ${arg_PRIVATE_DEPS})
  if(arg_HOT AND NOT MURMUR_SANITIZE)
    target_compile_options(murmur_${name} PRIVATE -O3)
  endif()
  set_property(GLOBAL APPEND PROPERTY MURMUR_COMPONENTS murmur_${name})

  if(MURMUR_BUILD_TESTS AND tests)
    add_executable(murmur_${name}_test ${tests})
    target_include_directories(murmur_${name}_test
      PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
    target_link_libraries(murmur_${name}_test
      PRIVATE murmur_${name} murmur_warnings ${arg_PRIVATE_DEPS} ${arg_TEST_DEPS} GTest::gmock_main)
    target_compile_options(murmur_${name}_test PRIVATE -O1)
    # In the source tree, so that tests find their data whatever path they were compiled under.
    add_test(NAME ${name} COMMAND murmur_${name}_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set(seconds_max 600)
    if(MURMUR_SANITIZE)
      set(seconds_max 3600)
    endif()
    set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT ${seconds_max})
  endif()
  if(MURMUR_BUILD_BENCHES AND benches)
    add_executable(murmur_${name}_bench ${benches})
    target_include_directories(murmur_${name}_bench
      PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
    target_link_libraries(murmur_${name}_bench
      PRIVATE murmur_${name} murmur_warnings ${arg_PRIVATE_DEPS} ${arg_TEST_DEPS} benchmark::benchmark)
  endif()
endfunction()
