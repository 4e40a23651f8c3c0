// The payload of a measured job, as JSON: its number, the time it was made in µs since the epoch, its key's number if
// it has a key, then padding.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace drover::bench {

inline std::string payload(long number, int bytes, std::optional<int> key = std::nullopt) {
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    std::string text = "{\"job\":" + std::to_string(number) + ",\"made\":" + std::to_string(micros);
    if (key) text += ",\"key\":" + std::to_string(*key);
    text += ",\"padding\":\"";
    constexpr std::string_view end = "\"}";
    if (text.size() + end.size() < static_cast<std::size_t>(bytes)) {
        text.resize(static_cast<std::size_t>(bytes) - end.size(), 'x');
    }
    return text.append(end);
}

}  // namespace drover::bench
