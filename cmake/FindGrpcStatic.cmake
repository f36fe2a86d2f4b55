# gRPC and Protocol Buffers as GrpcStatic::grpc and GrpcStatic::reflection, linked statically: their
# sixty shared libraries take 7 ms to load, which every command would wait for, and Arrow's wheel
# exports symbols of an abseil and a protobuf of its own. What comes along from the system as
# shared libraries (OpenSSL, zlib) stays shared.
find_package(PkgConfig REQUIRED)
pkg_check_modules(GrpcStatic_PC grpc++ protobuf)
find_program(GrpcStatic_PROTOC protoc)
find_program(GrpcStatic_PLUGIN grpc_cpp_plugin)
find_library(GrpcStatic_REFLECTION libgrpc++_reflection.a)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(GrpcStatic
  REQUIRED_VARS GrpcStatic_PC_STATIC_LIBRARIES GrpcStatic_PROTOC GrpcStatic_PLUGIN
    GrpcStatic_REFLECTION)
if(GrpcStatic_FOUND AND NOT TARGET GrpcStatic::grpc)
  set(libraries)
  set(names ${GrpcStatic_PC_STATIC_LIBRARIES})
  list(REMOVE_DUPLICATES names)
  foreach(name ${names})
    if(name MATCHES "^(ssl|crypto|z|dl|rt|m|pthread|atomic|systemd|cap)$")
      continue()
    endif()
    find_library(GrpcStatic_LIBRARY_${name} lib${name}.a REQUIRED)
    list(APPEND libraries ${GrpcStatic_LIBRARY_${name}})
  endforeach()
  find_package(OpenSSL REQUIRED)
  find_package(ZLIB REQUIRED)
  add_library(GrpcStatic::grpc INTERFACE IMPORTED)
  target_include_directories(GrpcStatic::grpc SYSTEM INTERFACE ${GrpcStatic_PC_INCLUDE_DIRS})
  # Once, though several components name it; hidden, so that no shared library takes from it.
  target_link_libraries(GrpcStatic::grpc INTERFACE
    "-Wl,--start-group" ${GrpcStatic_REFLECTION} ${libraries} "-Wl,--end-group"
    OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB)
  target_link_options(GrpcStatic::grpc INTERFACE "LINKER:--exclude-libs,ALL")
endif()
