#include "gateway/core/query.h"

#include <algorithm>
#include <charconv>

#include "src/base/percent.h"
#include "src/jobqueue/retry_policy.h"
#include "src/jobqueue/units.h"

namespace drover::gateway {
namespace {

constexpr Duration shortest_window = std::chrono::minutes(1);

std::optional<std::string> decoded(std::string_view text) {
    std::string spaced(text);
    std::ranges::replace(spaced, '+', ' ');
    return percent_decode(spaced);
}

}  // namespace

Result<Query> Query::parse(std::string_view text) {
    Query query;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('&'), text.size());
        const std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (part.empty()) continue;
        const std::size_t equals = std::min(part.find('='), part.size());
        auto name = decoded(part.substr(0, equals)), value = decoded(part.substr(std::min(equals + 1, part.size())));
        if (!name || !value) return failure(Error::Code::invalid, "the query has an escape that is not two hex digits");
        query.values_[std::move(*name)] = std::move(*value);
    }
    return query;
}

std::string_view Query::get(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::string_view() : found->second;
}

Result<std::int64_t> Query::number(std::string_view name, std::int64_t fallback, std::int64_t least,
                                   std::int64_t most) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return fallback;
    const std::string& text = found->second;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= least && value <= most) return value;
    return failure(Error::Code::invalid, std::string(name) + " must be a whole number from " + std::to_string(least) +
                                             " to " + std::to_string(most));
}

Result<Duration> Query::window(std::string_view name, Duration fallback, Duration most) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return fallback;
    const std::optional<Duration> parsed = jobqueue::parse_duration(found->second);
    if (parsed && *parsed >= shortest_window && *parsed <= most) return *parsed;
    return failure(Error::Code::invalid, std::string(name) + " must be from 1m to " + jobqueue::format_duration(most));
}

}  // namespace drover::gateway
