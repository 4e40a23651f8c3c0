# A room is one library. Its header-visible dependencies are PUBLIC rooms; third-party libraries stay PRIVATE.
#
#   drover_room(drover_kafka SOURCES a.cpp b.cpp ROOMS drover_base LIBRARIES librdkafka)
function(drover_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  drover_compile_options(${name})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_include_directories(${name} SYSTEM PUBLIC ${EXPECTED_INCLUDE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_ROOMS} PRIVATE ${ARG_LIBRARIES})
endfunction()

# A test executable of a room. It writes its JUnit report where the row check looks for it.
#
#   drover_test(base_tests SOURCES time_test.cpp ROOMS drover_base [LIBRARIES ...])
function(drover_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  drover_compile_options(${name})
  target_link_libraries(${name} PRIVATE ${ARG_ROOMS} ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE DROVER_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name}
    COMMAND ${name} --gtest_output=xml:${CMAKE_BINARY_DIR}/reports/${name}.xml --gtest_brief=1)
endfunction()

option(DROVER_WERROR "Warnings are errors" OFF)
function(drover_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
    -Woverloaded-virtual -Wno-missing-field-initializers)
  if(DROVER_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
