// The payload of a measured job: its number, the time it was made in µs since the epoch, then padding.
#pragma once

#include <chrono>
#include <string>

namespace drover::bench {

inline std::string payload(long number, int bytes) {
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    std::string text = std::to_string(number) + " " + std::to_string(micros) + " ";
    if (text.size() < static_cast<std::size_t>(bytes)) text.resize(static_cast<std::size_t>(bytes), 'x');
    return text;
}

}  // namespace drover::bench
