// Which jobs a list is to hold, and where it goes on. Pure. Room: gateway/core.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/core/job.h"
#include "src/base/time.h"

namespace drover::gateway {

// Whether a filter asks for more than queue, state and time, so that each job has to be looked at.
bool looks_inside(const JobFilter& filter);

// Whether a job is what the filter asks for, whatever its queue, state and time.
bool matches(const JobFilter& filter, const Job& job);

// Whether `wanted` is in a text; A to Z in either case.
bool has_text(std::string_view text, std::string_view wanted);

// A place in the order of lists: newest submission first, and of equal ones by id and queue.
struct JobCursor {
    Time submitted_at{};
    std::string id, queue;
    bool operator==(const JobCursor&) const = default;
};

JobCursor cursor_of(const Job& job);
bool is_listed_before(const JobCursor& a, const JobCursor& b);

// Text for a URL. read_cursor() answers nothing for any other text than write_cursor()'s.
std::string write_cursor(const JobCursor& cursor);
std::optional<JobCursor> read_cursor(std::string_view text);

}  // namespace drover::gateway
