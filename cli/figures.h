// Numbers and times as people read them. Pure. Room: cli.
#pragma once

#include <cstdint>
#include <string>

#include "src/base/time.h"

namespace drover::cli {

std::string with_thousands(std::int64_t number);  // 1,234,567
std::string per_second(double rate);              // 0, 0.4, 8.5, 412, 1,204; "–" when it is not a number
std::string latency(Duration time);               // 0.31 ms, 4.2 ms, 41 ms, 1.2 s, 35 s, 2m 05s
std::string clock_time(Duration elapsed);         // 0:42, 12:05, 1:02:03
std::string age(Duration time);                   // 42s, 12m, 3h, 5d; of what is not over yet: 0s
std::string percent(double share);                // of 0.052: 5.2 %; 0 %, <0.1 %, 12 %, 100 %

}  // namespace drover::cli
