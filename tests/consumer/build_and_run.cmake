# What a user of the library does: install, find_package, build, test. Fails on the first step that
# fails, with its output.
set(prefix ${WORK_DIR}/prefix)
file(REMOVE_RECURSE ${prefix})

function(step)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  message(STATUS "${output}")
endfunction()

step(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})
foreach(project project kit)
  step(${CMAKE_COMMAND} -S ${SOURCE_DIR}/${project} -B ${WORK_DIR}/${project} -G Ninja
    -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER}
    -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} -D CMAKE_BUILD_TYPE=Release)
  step(${CMAKE_COMMAND} --build ${WORK_DIR}/${project})
endforeach()
step(${CMAKE_CTEST_COMMAND} --test-dir ${WORK_DIR}/project --output-on-failure --no-tests=error)
if(EXISTS ${prefix}/bin/murmur)
  step(${prefix}/bin/murmur --help)
endif()
