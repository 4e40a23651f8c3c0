# Debian's packages, but for librdkafka: deps/librdkafka.sh builds the version that the design needs.
find_package(Threads REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS system)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(cpprestsdk REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
find_library(RE2_LIBRARY re2 REQUIRED)
find_library(CCTZ_LIBRARY cctz REQUIRED)
find_path(EXPECTED_INCLUDE_DIR tl/expected.hpp REQUIRED)

if(DEFINED ENV{XDG_CACHE_HOME})
  set(drover_cache $ENV{XDG_CACHE_HOME}/drover)
else()
  set(drover_cache $ENV{HOME}/.cache/drover)
endif()
set(librdkafka_folder librdkafka-2.12.1-3)  # version and revision as in deps/librdkafka.sh
if(DROVER_SANITIZE MATCHES "thread")
  string(APPEND librdkafka_folder -tsan)
endif()
set(librdkafka_root ${drover_cache}/${librdkafka_folder})
if(NOT EXISTS ${librdkafka_root}/lib/librdkafka.a)
  message(FATAL_ERROR "librdkafka 2.12.1 is not at ${librdkafka_root}: run 'make deps' first")
endif()
find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(librdkafka STATIC IMPORTED)
set_target_properties(librdkafka PROPERTIES
  IMPORTED_LOCATION ${librdkafka_root}/lib/librdkafka.a
  INTERFACE_INCLUDE_DIRECTORIES ${librdkafka_root}/include
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${librdkafka_root}/include)
target_link_libraries(librdkafka INTERFACE OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB ${ZSTD_LIBRARY}
  Threads::Threads dl m)
