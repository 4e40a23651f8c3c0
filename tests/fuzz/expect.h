// A property that a fuzzer checks, whatever NDEBUG says: the program ends where it does not hold, and libFuzzer keeps
// the input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define EXPECT_HOLDS(condition)                                                                 \
    do {                                                                                        \
        if (!(condition)) {                                                                     \
            std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            std::abort();                                                                       \
        }                                                                                       \
    } while (false)
