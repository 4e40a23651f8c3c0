#include "src/cron/expression.h"

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <cctz/civil_time.h>

namespace drover::cron {
namespace {

constexpr std::size_t longest_text = 1024;

struct Field {
    std::string_view name;
    int low = 0;
    int high = 0;
    std::span<const std::string_view> names;  // of low, low + 1, …
    bool is_of_days = false;
};

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_names{"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

constexpr std::array<Field, 6> fields{{
    {"second", 0, 59, {}, false},
    {"minute", 0, 59, {}, false},
    {"hour", 0, 23, {}, false},
    {"day of month", 1, 31, {}, true},
    {"month", 1, 12, month_names, false},
    {"day of week", 0, 7, weekday_names, true},
}};
const Field& day_of_month = fields[3];
const Field& day_of_week = fields[5];

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> nicknames{{
    {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
    {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"},
    {"@daily", "0 0 * * *"},
    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
}};

bool is_space(char c) { return c == ' ' || c == '\t'; }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = to_lower(c);
    return out;
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
        if (text.empty()) return words;
        std::size_t length = 0;
        while (length < text.size() && !is_space(text[length])) ++length;
        words.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
}

tl::unexpected<Error> refuse(const Field& field, std::string_view text, std::string_view why) {
    return failure(Error::Code::invalid, std::string(field.name) + ": " + std::string(text) + " " + std::string(why));
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || stop != text.data() + text.size() || text.front() == '-') return std::nullopt;
    return value;
}

Result<int> value(const Field& field, std::string_view text) {
    const std::string word = lower(text);
    for (std::size_t i = 0; i < field.names.size(); ++i) {
        if (word == field.names[i]) return field.low + static_cast<int>(i);
    }
    const std::string range = std::to_string(field.low) + " to " + std::to_string(field.high);
    const std::optional<int> read = number(text);
    if (!read) {
        const std::string wanted = field.names.empty() ? "" : " nor a name such as " + std::string(field.names[1]);
        return refuse(field, "'" + std::string(text) + "'", "is not a number from " + range + wanted);
    }
    if (*read < field.low || *read > field.high) return refuse(field, text, "is not from " + range);
    return *read;
}

using Values = std::bitset<60>;

Result<void> read_item(const Field& field, std::string_view item, Values& values, bool& last_day) {
    if (&field == &day_of_month && (item == "L" || item == "l")) {
        last_day = true;
        return {};
    }
    const std::size_t slash = item.find('/');
    const std::string_view range = item.substr(0, slash);
    int first = field.low, last = field.high, step = 1;
    if (range != "*" && !(range == "?" && field.is_of_days)) {
        const std::size_t dash = range.find('-');
        const Result<int> from = value(field, range.substr(0, dash));
        if (!from) return tl::unexpected(from.error());
        first = *from;
        if (dash != std::string_view::npos) {
            const std::string_view end = range.substr(dash + 1);
            const Result<int> to = value(field, end);
            if (!to) return tl::unexpected(to.error());
            last = &field == &day_of_week && first > 0 && lower(end) == "sun" ? 7 : *to;
            if (last < first) return refuse(field, range, "ends before it begins");
        } else if (slash == std::string_view::npos) {
            last = first;
        }
    }
    if (slash != std::string_view::npos) {
        const std::string_view text = item.substr(slash + 1);
        const std::optional<int> read = text.empty() ? std::nullopt : number(text);
        if (!read || *read < 1) return refuse(field, "'" + std::string(item) + "'", "has no step of 1 or more");
        step = *read;
    }
    // A step past the end fits the first alone; so large a sum must not overflow.
    for (int each = first; each <= last; each = step > last - each ? last + 1 : each + step) {
        values.set(static_cast<std::size_t>(each));
    }
    return {};
}

struct Read {
    Values values;
    bool last_day = false;
    bool begins_with_star = false;
};

Result<Read> read_field(const Field& field, std::string_view text) {
    Read read;
    read.begins_with_star = text.front() == '*' || (text.front() == '?' && field.is_of_days);
    while (true) {
        const std::size_t comma = text.find(',');
        const std::string_view item = text.substr(0, comma);
        if (item.empty()) return refuse(field, "a list", "has an empty part");
        if (const Result<void> done = read_item(field, item, read.values, read.last_day); !done) {
            return tl::unexpected(done.error());
        }
        if (comma == std::string_view::npos) return read;
        text.remove_prefix(comma + 1);
    }
}

template <std::size_t n>
void copy(const Values& from, std::bitset<n>& to) {
    for (std::size_t i = 0; i < n; ++i) to.set(i, from[i]);
}

Result<std::string_view> without_nickname(std::string_view text) {
    if (text.empty() || text.front() != '@') return text;
    std::string known;
    for (const auto& [nickname, meaning] : nicknames) {
        if (lower(text) == nickname) return meaning;
        known += (known.empty() ? "" : ", ") + std::string(nickname);
    }
    return failure(Error::Code::invalid, "'" + std::string(text) + "' is none of " + known);
}

}  // namespace

Result<Expression> Expression::parse(std::string_view text) {
    Expression expression;
    if (const Result<void> done = expression.read(text); !done) return tl::unexpected(done.error());
    if (!expression.ever_fits()) {
        return failure(Error::Code::invalid, "day of month: no month that is named has such a day");
    }
    return expression;
}

Result<void> Expression::read(std::string_view text) {
    if (text.size() > longest_text) return failure(Error::Code::invalid, "it is longer than 1024 bytes");
    std::vector<std::string_view> words = split(text);
    if (words.size() == 1) {
        const Result<std::string_view> meaning = without_nickname(words.front());
        if (!meaning) return tl::unexpected(meaning.error());
        words = split(*meaning);
    }
    if (words.size() != 5 && words.size() != 6) {
        return failure(Error::Code::invalid, "it has " + std::to_string(words.size()) +
                                                 " fields: minute, hour, day of month, month and day of week are "
                                                 "needed, and seconds may come before");
    }
    if (words.size() == 5) words.insert(words.begin(), "0");
    std::array<Read, fields.size()> read;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        Result<Read> each = read_field(fields[i], words[i]);
        if (!each) return tl::unexpected(each.error());
        read[i] = *each;
    }
    text_ = text;
    copy(read[0].values, seconds_);
    copy(read[1].values, minutes_);
    copy(read[2].values, hours_);
    copy(read[3].values, days_);
    copy(read[4].values, months_);
    if (read[5].values[7]) read[5].values.set(0);
    copy(read[5].values, weekdays_);
    last_day_ = read[3].last_day;
    any_hour_ = read[2].begins_with_star;
    any_day_ = read[3].begins_with_star;
    any_weekday_ = read[5].begins_with_star;
    return {};
}

bool Expression::fits_day(int day, bool is_last_of_month, int weekday) const {
    const bool of_month = days_[index(day)] || (last_day_ && is_last_of_month);
    const bool of_week = weekdays_[index(weekday)];
    return any_day_ || any_weekday_ ? of_month && of_week : of_month || of_week;
}

// Dates and weekdays repeat after 400 years.
bool Expression::ever_fits() const {
    for (int year = 2000; year < 2400; ++year) {
        for (int month = 1; month <= 12; ++month) {
            if (!fits_month(month)) continue;
            const cctz::civil_day first(year, month, 1);
            const int last = (cctz::civil_day(cctz::civil_month(first) + 1) - 1).day();
            const int weekday = (static_cast<int>(cctz::get_weekday(first)) + 1) % 7;  // cctz begins on Monday
            for (int day = 1; day <= last; ++day) {
                if (fits_day(day, day == last, (weekday + day - 1) % 7)) return true;
            }
        }
    }
    return false;
}

}  // namespace drover::cron
