# A room is one library. Its header-visible dependencies are PUBLIC rooms; third-party libraries stay PRIVATE.
#
#   drover_room(drover_kafka SOURCES a.cpp b.cpp ROOMS drover_base LIBRARIES librdkafka)
function(drover_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  drover_compile_options(${name})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_include_directories(${name} SYSTEM PUBLIC ${EXPECTED_INCLUDE_DIR})
  if(DROVER_TIDY)
    set_target_properties(${name} PROPERTIES CXX_CLANG_TIDY "${CLANG_TIDY};--quiet;--warnings-as-errors=*")
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_ROOMS} PRIVATE ${ARG_LIBRARIES})
endfunction()

# Every test of ctest leaves a JUnit report here, named after the test; tests/run_all.py takes a missing one for a failure.
set(DROVER_REPORTS ${CMAKE_BINARY_DIR}/reports CACHE PATH "Where tests write their JUnit reports")

# A test executable of a room.
#
#   drover_test(base_tests SOURCES time_test.cpp ROOMS drover_base [LIBRARIES ...])
# In RapidCheck, RC_ASSERT(a || b) evaluates both: write RC_ASSERT((a || b)) where b needs a.
function(drover_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  drover_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_ROOMS} ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name}
    COMMAND ${name} --gtest_output=xml:${DROVER_REPORTS}/${name}.xml --gtest_brief=1)
endfunction()

option(DROVER_TIDY "Run clang-tidy on the rooms, beside the compiler" OFF)
if(DROVER_TIDY)
  find_program(CLANG_TIDY NAMES clang-tidy-14 clang-tidy REQUIRED)
endif()
option(DROVER_WERROR "Warnings are errors" OFF)
function(drover_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wno-missing-field-initializers)
  if(DROVER_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
