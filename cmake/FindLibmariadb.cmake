# libmariadb, MariaDB's client library, as Libmariadb::mariadb.
find_path(Libmariadb_INCLUDE_DIR mariadb_rpl.h PATH_SUFFIXES mariadb mysql)
find_library(Libmariadb_LIBRARY mariadb PATH_SUFFIXES mariadb)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libmariadb
  REQUIRED_VARS Libmariadb_LIBRARY Libmariadb_INCLUDE_DIR)
if(Libmariadb_FOUND AND NOT TARGET Libmariadb::mariadb)
  add_library(Libmariadb::mariadb UNKNOWN IMPORTED)
  set_target_properties(Libmariadb::mariadb PROPERTIES IMPORTED_LOCATION ${Libmariadb_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${Libmariadb_INCLUDE_DIR})
endif()
