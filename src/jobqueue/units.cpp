#include "src/jobqueue/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "src/jobqueue/retry_policy.h"

namespace drover::jobqueue {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t size;
};

constexpr std::array<Unit, 5> time_units{
    {{"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1'000}, {"us", 1}}};
constexpr std::array<Unit, 7> size_units{{{"", 1},
                                          {"k", 1'000},
                                          {"M", 1'000'000},
                                          {"G", 1'000'000'000},
                                          {"Ki", 1LL << 10},
                                          {"Mi", 1LL << 20},
                                          {"Gi", 1LL << 30}}};

// The number that `text` begins with, which is taken off it; nothing without a digit or when it does not fit.
std::optional<std::int64_t> take_number(std::string_view& text) {
    std::int64_t value = 0;
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    if (text == "0") return Duration{0};
    if (text.empty()) return std::nullopt;
    std::int64_t total = 0;
    std::size_t next_unit = 0;
    while (!text.empty()) {
        const auto count = take_number(text);
        if (!count) return std::nullopt;
        const auto length = std::min(text.find_first_of("0123456789"), text.size());
        const auto name = text.substr(0, length);
        while (next_unit < time_units.size() && time_units[next_unit].name != name) ++next_unit;
        if (next_unit == time_units.size()) return std::nullopt;
        std::int64_t part = 0;
        if (__builtin_mul_overflow(*count, time_units[next_unit].size, &part)) return std::nullopt;
        if (__builtin_add_overflow(total, part, &total)) return std::nullopt;
        ++next_unit;
        text.remove_prefix(length);
    }
    return Duration{total};
}

std::optional<Duration> read_duration(const JsonValue& value) {
    std::string buffer;
    const std::optional<double> seconds = value.number();
    if (!seconds) return parse_duration(value.string(buffer));
    if (*seconds < 0) return std::nullopt;
    const double micros = std::ceil(*seconds * 1e6);
    // The nearest double is one more than the most that fits.
    return micros < static_cast<double>(Duration::max().count()) ? Duration(static_cast<std::int64_t>(micros))
                                                                 : Duration::max();
}

std::optional<std::int64_t> parse_size(std::string_view text) {
    const auto count = take_number(text);
    if (!count) return std::nullopt;
    for (const auto& unit : size_units) {
        if (unit.name != text) continue;
        std::int64_t bytes = 0;
        if (__builtin_mul_overflow(*count, unit.size, &bytes)) return std::nullopt;
        return bytes;
    }
    return std::nullopt;
}

std::string format_duration(Duration duration) {
    if (duration.count() == 0) return "0s";
    std::string text;
    auto rest = static_cast<std::uint64_t>(duration.count());
    if (duration.count() < 0) {
        text = "-";
        rest = 0 - rest;
    }
    for (const auto& unit : time_units) {
        const auto size = static_cast<std::uint64_t>(unit.size);
        if (rest < size) continue;
        text += std::to_string(rest / size);
        text += unit.name;
        rest %= size;
    }
    return text;
}

}  // namespace drover::jobqueue
