#include "cli/gateway/follow.h"

#include <algorithm>
#include <thread>

namespace drover::cli {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Result<Json> wait_for_end(GatewayApi& api, const std::string& id, const Patience& patience, const Watched& watched) {
    constexpr auto one_poll = 1s;
    constexpr auto pause = 500ms, next_run = 200ms;
    const auto began = Clock::now();
    Clock::time_point last_answer = began;
    for (;;) {
        auto job = api.job_after(id, one_poll);
        const bool over = patience.limit && Clock::now() - began >= *patience.limit;
        if (job) {
            last_answer = Clock::now();
            const JobAnswer answer = job_answer(*job);
            const bool is_earlier = answer.run < patience.run;
            if (watched.on_job && !is_earlier) watched.on_job(*job);
            if (has_ended(answer) && !is_earlier) return job;
            if (over) {
                return failure(Error::Code::conflict, "job " + id + " is still " + text_of(*job, "state") +
                                                          "; it goes on, and 'drover watch " + id + "' follows it");
            }
            if (is_earlier) std::this_thread::sleep_for(next_run);
            continue;
        }
        if (!job.error().retryable) return job;
        if (over || Clock::now() - last_answer >= patience.without_gateway) {
            Error error = job.error();
            error.code = Error::Code::unavailable;
            error.message += "; job " + id + " goes on without it";
            return tl::unexpected(error);
        }
        if (watched.on_away) watched.on_away(job.error());
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace drover::cli
