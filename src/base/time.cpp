#include "src/base/time.h"

#include <algorithm>

namespace drover {
namespace {

using namespace std::chrono;

// Reads exactly `digits` digits at `pos`; nothing when there are fewer.
std::optional<int> number(std::string_view text, std::size_t pos, std::size_t digits) {
    if (pos + digits > text.size()) return std::nullopt;
    int value = 0;
    for (char c : text.substr(pos, digits)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    return value;
}

}  // namespace

std::string format_rfc3339(Time time) {
    std::string text;
    append_rfc3339(text, time);
    return text;
}

// Digit by digit, since printf takes half a microsecond and every job has some of these.
void append_rfc3339(std::string& out, Time time) {
    constexpr Time first{sys_days{year{0} / January / 1}};
    constexpr Time last{sys_days{year{9999} / December / 31} + 24h - 1ms};
    const auto millis = floor<milliseconds>(std::clamp(time, first, last));
    const auto day = floor<days>(millis);
    const year_month_day date{day};
    const hh_mm_ss clock{millis - day};
    char text[] = "0000-00-00T00:00:00.000Z";
    const auto put = [&text](std::size_t pos, std::size_t digits, std::int64_t number) {
        for (; digits > 0; number /= 10) text[pos + --digits] = static_cast<char>('0' + number % 10);
    };
    put(0, 4, static_cast<int>(date.year()));
    put(5, 2, static_cast<unsigned>(date.month()));
    put(8, 2, static_cast<unsigned>(date.day()));
    put(11, 2, clock.hours().count());
    put(14, 2, clock.minutes().count());
    put(17, 2, clock.seconds().count());
    put(20, 3, clock.subseconds().count());
    out.append(text, sizeof text - 1);
}

std::optional<Time> parse_rfc3339(std::string_view text) {
    const auto y = number(text, 0, 4), mo = number(text, 5, 2), d = number(text, 8, 2);
    const auto h = number(text, 11, 2), mi = number(text, 14, 2), s = number(text, 17, 2);
    if (!y || !mo || !d || !h || !mi || !s) return std::nullopt;
    if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return std::nullopt;
    if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*mo)}, day{static_cast<unsigned>(*d)}};
    if (!date.ok() || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;

    std::size_t pos = 19;
    Duration fraction{0};
    if (pos < text.size() && text[pos] == '.') {
        std::int64_t micros = 0, scale = 100'000;
        std::size_t digits = 0;
        for (++pos; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, ++digits) {
            micros += (text[pos] - '0') * scale;
            scale /= 10;
        }
        if (digits == 0) return std::nullopt;
        fraction = Duration{micros};
    }
    minutes offset{0};
    if (pos < text.size() && (text[pos] == 'Z' || text[pos] == 'z')) {
        ++pos;
    } else {
        if (pos >= text.size() || (text[pos] != '+' && text[pos] != '-')) return std::nullopt;
        const auto oh = number(text, pos + 1, 2), om = number(text, pos + 4, 2);
        if (!oh || !om || text[pos + 3] != ':' || *oh > 23 || *om > 59) return std::nullopt;
        offset = hours{*oh} + minutes{*om};
        if (text[pos] == '-') offset = -offset;
        pos += 6;
    }
    if (pos != text.size()) return std::nullopt;
    return Time{sys_days{date} + hours{*h} + minutes{*mi} + seconds{*s} + fraction - offset};
}

}  // namespace drover
