#include "cli/gateway/waiting.h"

#include <iostream>

#include "cli/figures.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/progress_bar.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

using Clock = std::chrono::steady_clock;

Line away_line() { return {{"the gateway does not answer; it is asked again", Style::yellow}}; }

}  // namespace

int wait_for_job(GatewayApi& api, const std::string& id, const Patience& patience, TellEnd tell,
                 const Environment& environment) {
    LiveLine line(environment);
    const auto ended = wait_for_end(
        api, id, patience,
        {.on_job = [&](const Json& job) { line.show(progress_line(job_answer(job), now(), line.width())); },
         .on_away = [&](const Error&) { line.show(away_line()); }});
    if (!ended) {
        line.clear();
        return complain(ended.error());
    }
    const JobAnswer job = job_answer(*ended);
    if (tell == TellEnd::json) {
        line.clear();
        print(*ended);
    } else {
        line.leave(progress_line(job, now(), line.width()));
    }
    return job.state == "completed" ? 0 : 1;
}

int wait_for_jobs(GatewayApi& api, const std::vector<std::string>& ids, Ids which, const Patience& patience,
                  const Environment& environment) {
    LiveLine line(environment);
    const auto began = Clock::now();
    Tally tally{.total = static_cast<std::int64_t>(ids.size())};
    std::string first_failed, first_error;
    const auto show = [&] {
        tally.elapsed = std::chrono::duration_cast<Duration>(Clock::now() - began);
        line.show(tally_line(tally, "jobs", line.width()));
    };
    for (const std::string& id : ids) {
        Patience left = patience;
        if (left.limit) left.limit = *left.limit - std::chrono::duration_cast<Duration>(Clock::now() - began);
        const auto ended = wait_for_end(
            api, id, left,
            {.on_job = [&](const Json&) { show(); }, .on_away = [&](const Error&) { line.show(away_line()); }});
        if (!ended && ended.error().code == Error::Code::not_found && which == Ids::were_there) {
            ++tally.done;  // failed ones are kept longer (spec.retention)
            continue;
        }
        if (!ended) {
            line.clear();
            return complain(ended.error());
        }
        ++tally.done;
        const JobAnswer job = job_answer(*ended);
        if (job.state == "completed") continue;
        if (tally.failed++ == 0) {
            first_failed = id;
            first_error = error_text(job);
        }
    }
    tally.elapsed = std::chrono::duration_cast<Duration>(Clock::now() - began);
    line.leave(tally_line(tally, "jobs", line.width()));
    if (tally.failed == 0) return 0;
    std::cerr << "drover: " << with_thousands(tally.failed) << " did not complete; the first is "
              << one_line(first_failed) << (first_error.empty() ? "" : ": " + first_error) << '\n';
    return 1;
}

}  // namespace drover::cli
