#include "src/cron/zone.h"

#include <algorithm>

namespace drover::cron {
namespace {

constexpr std::size_t longest_name = 64;

bool is_in_a_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+' || c == '/';
}

// cctz would open files anywhere. localtime is whatever the machine has; right/ counts leap seconds.
bool is_a_name(std::string_view name) {
    return name.size() <= longest_name && std::ranges::all_of(name, is_in_a_name) && name.front() >= 'A' &&
           name.front() <= 'Z';
}

}  // namespace

Result<Zone> Zone::load(std::string_view name) {
    if (name.empty()) return Zone();
    cctz::time_zone rules;
    if (is_a_name(name) && cctz::load_time_zone(std::string(name), &rules)) return Zone(rules);
    return failure(Error::Code::invalid, "must be an IANA time zone such as UTC or Europe/Berlin");
}

}  // namespace drover::cron
