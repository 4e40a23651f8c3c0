// What happened in a queue in one minute. Pure. Room: gateway/core.
//
// It follows from the records of jobs (job_record.h): a record that changes takes back what it said before and says it
// anew, so that figures do not depend on the order of events either.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/core/job.h"
#include "gateway/core/job_record.h"
#include "gateway/core/time_spread.h"
#include "src/base/time.h"

namespace drover::gateway {

struct MinuteRecord {
    std::int64_t completed = 0, failed = 0, cancelled = 0, retried = 0;
    TimeSpread wait;
    std::map<std::string, TimeSpread> run_by_type;
    std::map<std::string, std::int64_t> errors;

    // Of more than 100 types or error classes in a minute, the others count under the name "".
    void add(const MinuteRecord& other);
    bool is_empty() const;
    bool operator==(const MinuteRecord&) const = default;
};

void append_minute_json(std::string& out, const MinuteRecord& minute);
bool read_minute_json(std::string_view json, MinuteRecord& minute);

Time minute_of(Time time);

// By its beginning.
using MinuteRecords = std::map<Time, MinuteRecord>;

// Adds what a record says, `times` over: 1, or -1 to take it back. Of each attempt counts how it ended at last; of each
// run the wait of its first attempt.
void count_record(const JobRecord& record, int times, MinuteRecords& minutes);

QueueFigures summary(const MinuteRecords& minutes);

}  // namespace drover::gateway
