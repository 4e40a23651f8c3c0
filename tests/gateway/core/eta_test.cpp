#include "gateway/core/eta.h"

#include <gtest/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;
const Time now = *parse_rfc3339("2026-11-26T20:00:00Z");

Job active(Duration ago) {
    Job job;
    job.state = JobState::active;
    job.started_at = now - ago;
    return job;
}

TEST(Eta, goes_by_the_jobs_own_progress_C2) {
    Job job = active(30s);
    job.progress = JobProgress{.percent = 25, .percent_at = now - 10s};
    // 20 s for a quarter: 60 s more from then on.
    EXPECT_EQ(eta_of(job, {}, now), (Eta{now + 50s, Eta::By::progress}));
    job.progress->percent = 100;
    EXPECT_EQ(eta_of(job, {}, now), (Eta{now, Eta::By::progress}));
}

TEST(Eta, without_progress_goes_by_the_run_time_of_others_C2) {
    EXPECT_EQ(eta_of(active(10s), {.mean_run = 15s}, now), (Eta{now + 5s, Eta::By::run_time}));
    EXPECT_EQ(eta_of(active(20s), {.mean_run = 15s}, now), (Eta{now, Eta::By::run_time}));
    EXPECT_EQ(eta_of(active(20s), {}, now), std::nullopt);
}

TEST(Eta, of_one_that_waits_goes_by_its_position_C2) {
    Job job;
    job.state = JobState::waiting;
    EXPECT_EQ(eta_of(job, {.mean_run = 2s, .finished_per_second = 4.0, .before = 40}, now),
              (Eta{now + 12s, Eta::By::position}));
    EXPECT_EQ(eta_of(job, {.finished_per_second = 0.0, .before = 40}, now), std::nullopt);
    EXPECT_EQ(eta_of(job, {.finished_per_second = 4.0}, now), std::nullopt);
}

TEST(Eta, is_never_beyond_reason) {
    Job job;
    job.state = JobState::waiting;
    const auto eta = eta_of(job, {.finished_per_second = 1e-300, .before = INT64_MAX}, now);
    ASSERT_TRUE(eta);
    EXPECT_GT(eta->at, now);
    job = active(1h);
    job.progress = JobProgress{.percent = 0, .percent_at = now};
    EXPECT_EQ(eta_of(job, {}, now), std::nullopt);
}

TEST(Eta, of_what_has_ended_is_none) {
    for (const JobState state : {JobState::completed, JobState::failed, JobState::cancelled, JobState::unknown}) {
        Job job = active(1s);
        job.state = state;
        EXPECT_EQ(eta_of(job, {.mean_run = 1s, .finished_per_second = 1.0, .before = 1}, now), std::nullopt);
    }
}

}  // namespace
}  // namespace drover::gateway
