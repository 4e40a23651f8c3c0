// Failed jobs grouped by what went wrong. Pure; its size is bounded. Room: gateway/core.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "gateway/core/job.h"

namespace drover::gateway {

struct ErrorGroup {
    JobError error;  // its message is the shape that those of the group have in common (src/letters/message_shape.h)
    std::string example;  // a whole message, of the latest
    std::int64_t count = 0;
    Time first{}, last{};                       // when the jobs failed
    std::vector<std::string> sample;            // ids, at most 5, the latest first
    std::map<std::string, std::int64_t> types;  // jobs by type
    bool operator==(const ErrorGroup&) const = default;
};

class ErrorGroups {
public:
    // A failed job; of one without an error the class is "".
    void add(const Job& job);
    // The most jobs come first. Past 1,000 groups the rest are one, of the class "(other errors)".
    std::vector<ErrorGroup> by_count() const;

private:
    std::map<std::tuple<std::string, int, std::string>, ErrorGroup> groups_;  // by class, status and shape
};

// {"error": {"class", "status", "message"}, "example", "count", "first", "last", "sample", "types"}
nlohmann::ordered_json error_group_json(const ErrorGroup& group);

}  // namespace drover::gateway
