// Dead letters grouped by what went wrong. Pure; its size is bounded. Room: cli.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/letters/dead_letter.h"

namespace drover::cli {

struct DeadLetterGroup {
    std::string error_class;
    std::string shape;  // of the messages
    std::int64_t count = 0;
    std::int64_t redriven = 0;  // of them
    Time first{}, last{};
    std::string example_job;  // the latest; one that was not redriven, if there is such
    std::string example_message;
    bool operator==(const DeadLetterGroup&) const = default;

    std::int64_t open() const { return count - redriven; }
};

class DeadLetterGroups {
public:
    void add(const letters::DeadLetter& letter, bool redriven);

    // The most letters that were not redriven come first. Past 1,000 groups the rest are one, "(other errors)".
    std::vector<DeadLetterGroup> by_count() const;
    std::int64_t count() const { return count_; }
    std::int64_t redriven() const { return redriven_; }

private:
    struct Group {
        DeadLetterGroup shown;
        bool example_is_open = false;
        Time example_at{};
    };
    std::map<std::pair<std::string, std::string>, Group> groups_;  // by class and shape
    std::int64_t count_ = 0, redriven_ = 0;
};

}  // namespace drover::cli
