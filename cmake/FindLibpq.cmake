# libpq, PostgreSQL's client library, as Libpq::pq: CMake's own module wants the server's headers.
find_path(Libpq_INCLUDE_DIR libpq-fe.h PATH_SUFFIXES postgresql pgsql)
find_library(Libpq_LIBRARY pq)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libpq REQUIRED_VARS Libpq_LIBRARY Libpq_INCLUDE_DIR)
if(Libpq_FOUND AND NOT TARGET Libpq::pq)
  add_library(Libpq::pq UNKNOWN IMPORTED)
  set_target_properties(Libpq::pq PROPERTIES IMPORTED_LOCATION ${Libpq_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${Libpq_INCLUDE_DIR})
endif()
