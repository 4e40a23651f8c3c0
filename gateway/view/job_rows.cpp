#include "gateway/view/job_rows.h"

#include "gateway/core/job_record_json.h"
#include "gateway/core/json_object.h"

namespace drover::gateway {

bool read_job(const SqlRow& row, Job& job) {
    job.key = {.queue = std::string(row.bytes(0)), .id = std::string(row.bytes(1))};
    const std::int64_t state = row.number(2);
    if (state < 0 || state > static_cast<std::int64_t>(JobState::removed)) return false;
    job.state = static_cast<JobState>(state);
    job.since = time_from_millis(row.number(3));
    job.submitted_at = time_from_millis(row.number(4));
    return read_job_json(row.bytes(5), job);
}

std::string log_head(std::string_view level, std::uint64_t lines_left_out) {
    std::string json;
    {
        ObjectWriter object(json);
        object.text("level", level);
        object.number("leftOut", static_cast<std::int64_t>(lines_left_out));
    }
    return json;
}

bool read_log_head(std::string_view json, LogEntry& entry) {
    const auto value = jobqueue::read_json(json);
    return value && read_members(*value, [&](std::string_view name, const jobqueue::JsonValue& member) {
               if (name == "level") return read(member, entry.level);
               if (name == "leftOut") return read(member, entry.lines_left_out);
               return true;
           });
}

tl::unexpected<Error> damaged_row() {
    return failure(Error::Code::internal, "a row of the view of jobs cannot be read");
}

}  // namespace drover::gateway
