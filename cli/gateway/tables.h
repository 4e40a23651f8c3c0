// Queues, jobs, errors, operations and schedules as people read them. Pure. Room: cli.
#pragma once

#include <string>
#include <vector>

#include "cli/gateway/answers.h"
#include "cli/terminal_text.h"

namespace drover::cli {

struct View {
    int width = 1000;
    bool color = false;
    Time now{};
};

// A heading and a line for each.
std::vector<Line> queue_lines(const std::vector<QueueAnswer>& queues, const View& view);
std::vector<Line> job_lines(const std::vector<JobAnswer>& jobs, const View& view);
std::vector<Line> error_lines(const std::vector<ErrorGroupAnswer>& groups, const View& view);
std::vector<Line> operation_lines(const std::vector<OperationAnswer>& operations, const View& view);
std::vector<Line> schedule_lines(const Json& schedules, const View& view);

// All about one job, with its history where that is known (else null).
std::vector<Line> job_page(const Json& job, const Json& history, const View& view);
// What a transition says: "attempt 2 failed: Http503 mail server is away".
Line transition_line(const Json& transition);
// What a worker logged; an entry may have several lines.
std::vector<Line> log_lines(const Json& entry);

Style state_style(const std::string& state);
// "Http503: mail server is away", "" where there is none.
std::string error_text(const JobAnswer& job);
// "email (ann) since 2026-03-01 12:00:05 UTC: rollout", one for each that pauses.
std::string pause_text(const PauseAnswer& pause);
std::string utc(const std::optional<Time>& time);  // 2026-03-01 12:00:05, "–" where there is none

}  // namespace drover::cli
