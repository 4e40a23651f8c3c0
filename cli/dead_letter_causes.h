// Dead letters grouped by what went wrong, with one example each. Pure; its size is bounded. Room: cli.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace drover::cli {

struct DeadLetterCause {
    std::string queue;
    std::string error_class;    // drover-error-class
    std::string first_message;  // of the first one seen. Any bytes
    std::int64_t count = 0;
    bool operator==(const DeadLetterCause&) const = default;
};

class DeadLetterCauses {
public:
    // Past 100 different causes a new one is only counted.
    void add(const std::string& queue, const std::string& error_class, const std::string& message);

    std::vector<DeadLetterCause> by_count() const;  // the most frequent first, else as first seen
    std::int64_t others() const { return others_; }

private:
    std::vector<DeadLetterCause> causes_;
    std::int64_t others_ = 0;
};

}  // namespace drover::cli
