#include "src/jobqueue/names.h"

#include <algorithm>
#include <vector>

namespace drover::jobqueue {
namespace {

// Kafka allows 249; ".retry." and a step such as 167h59m59s999ms need 22 of them.
constexpr std::size_t max_topic_length = 249 - 32;

bool is_lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z'); }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_dns_label(std::string_view name) {
    return !name.empty() && name.size() <= 63 && is_lower_alphanumeric(name.front()) &&
           is_lower_alphanumeric(name.back()) &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
}

// Levenshtein's distance without regard to case.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto changed = diagonal + (to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

Complaint check_dns_label(std::string_view name) {
    if (is_dns_label(name)) return std::nullopt;
    return "must be 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends";
}

Complaint check_dns_subdomain(std::string_view name) {
    bool valid = name.size() <= 253;
    for (std::string_view rest = name; valid;) {
        const auto dot = rest.find('.');
        valid = is_dns_label(rest.substr(0, dot));
        if (dot == std::string_view::npos) break;
        rest.remove_prefix(dot + 1);
    }
    if (valid) return std::nullopt;
    return "must be at most 253 of a-z, 0-9, '-' and '.', with a letter or digit at both ends of each part";
}

Complaint check_queue_name(std::string_view name) {
    if (auto complaint = check_dns_label(name)) return complaint;
    if (name == "status" || name == "test")
        return "must not be '" + std::string(name) + "': the API uses that name itself";
    return std::nullopt;
}

Complaint check_topic(std::string_view name) {
    if (name.empty() || name.size() > max_topic_length)
        return "must have 1 to " + std::to_string(max_topic_length) +
               " characters (Kafka's limit less room for suffixes)";
    if (name == "." || name == "..") return "must not be '.' or '..'";
    if (name.substr(0, 2) == "__") return "must not begin with '__': Kafka keeps such topics for itself";
    const bool valid = std::all_of(name.begin(), name.end(),
                                   [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
    if (!valid) return "must consist of a-z, A-Z, 0-9, '.', '_' and '-'";
    return std::nullopt;
}

Complaint check_http_path(std::string_view path) {
    if (path.empty() || path.front() != '/') return "must begin with '/'";
    if (path.size() > 1024) return "must have at most 1024 characters";
    if (!std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c <= '~' && c != '#'; }))
        return "must consist of visible ASCII characters without '#': write others as %XX";
    return std::nullopt;
}

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
    if (name.size() > 64) return {};
    std::string_view nearest;
    std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const auto candidate : candidates) {
        const auto edits = distance(name, candidate);
        // A short name is near to anything: more than half of it has to be right.
        if (edits < least && edits * 2 < candidate.size()) {
            least = edits;
            nearest = candidate;
        }
    }
    return nearest;
}

}  // namespace drover::jobqueue
