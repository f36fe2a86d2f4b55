# librdkafka as RdKafka::rdkafka, and RdKafka_VERSION: Debian's package has no CMake configuration.
find_path(RdKafka_INCLUDE_DIR librdkafka/rdkafka.h)
find_library(RdKafka_LIBRARY rdkafka)
if(RdKafka_INCLUDE_DIR)
  # 0x020300ff is 2.3.0.
  file(STRINGS ${RdKafka_INCLUDE_DIR}/librdkafka/rdkafka.h line REGEX "^#define RD_KAFKA_VERSION ")
  if(line MATCHES "0x(..)(..)(..)")
    math(EXPR major "0x${CMAKE_MATCH_1}")
    math(EXPR minor "0x${CMAKE_MATCH_2}")
    math(EXPR patch "0x${CMAKE_MATCH_3}")
    set(RdKafka_VERSION ${major}.${minor}.${patch})
  endif()
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(RdKafka REQUIRED_VARS RdKafka_LIBRARY RdKafka_INCLUDE_DIR
  VERSION_VAR RdKafka_VERSION)
if(RdKafka_FOUND AND NOT TARGET RdKafka::rdkafka)
  add_library(RdKafka::rdkafka UNKNOWN IMPORTED)
  set_target_properties(RdKafka::rdkafka PROPERTIES IMPORTED_LOCATION ${RdKafka_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${RdKafka_INCLUDE_DIR})
endif()
