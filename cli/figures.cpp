#include "cli/figures.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace drover::cli {
namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
    std::array<char, 64> text{};
    const int length = std::snprintf(text.data(), text.size(), format, values...);
    return {text.data(), static_cast<std::size_t>(std::clamp<int>(length, 0, text.size() - 1))};
}

}  // namespace

std::string with_thousands(std::int64_t number) {
    std::string digits = std::to_string(number);
    const std::size_t first = number < 0 ? 1 : 0;
    for (std::size_t place = digits.size(); place > first + 3;) digits.insert(place -= 3, ",");
    return digits;
}

std::string per_second(double rate) {
    if (!std::isfinite(rate)) return "–";
    if (rate < 0.05) return "0";
    if (rate < 9.95) return formatted("%.1f", rate);
    return with_thousands(std::llround(std::min(rate, 1e15)));
}

std::string latency(Duration time) {
    const double ms = static_cast<double>(std::max(time, Duration{0}).count()) / 1000;
    if (ms < 0.995) return formatted("%.2f ms", ms);
    if (ms < 9.95) return formatted("%.1f ms", ms);
    if (ms < 999.5) return formatted("%.0f ms", ms);
    if (ms < 9'950) return formatted("%.1f s", ms / 1000);
    const std::int64_t seconds = std::llround(ms / 1000);
    if (seconds < 60) return formatted("%lld s", static_cast<long long>(seconds));
    return with_thousands(seconds / 60) + formatted("m %02llds", static_cast<long long>(seconds % 60));
}

std::string clock_time(Duration elapsed) {
    const long long seconds = std::max<std::int64_t>(elapsed.count() / 1'000'000, 0);
    if (seconds < 3600) return formatted("%lld:%02lld", seconds / 60, seconds % 60);
    return formatted("%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string age(Duration time) {
    const std::int64_t seconds = std::max<std::int64_t>(time.count() / 1'000'000, 0);
    if (seconds < 120) return std::to_string(seconds) + "s";
    if (seconds < 120 * 60) return std::to_string(seconds / 60) + "m";
    if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + "h";
    return with_thousands(seconds / 86'400) + "d";
}

std::string percent(double share) {
    const double parts = share * 100;
    if (!std::isfinite(parts)) return "–";
    if (parts <= 0) return "0 %";
    if (parts < 0.1) return "<0.1 %";
    if (parts < 9.95) return formatted("%.1f %%", parts);
    // All of them only where it is all of them.
    return formatted("%.0f %%", parts >= 100 ? 100 : std::min(std::round(parts), 99.0));
}

}  // namespace drover::cli
