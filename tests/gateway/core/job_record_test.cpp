#include "gateway/core/job_record.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "gateway/core/job_record_json.h"
#include "tests/gateway/core/told_events.h"

namespace drover::gateway::test {
namespace {

using jobqueue::JobEvent;
using jobqueue::LifecycleEvent;
using namespace std::chrono_literals;

JobRecord record_of(const std::vector<LifecycleEvent>& events, bool settle_each = false) {
    JobRecord record;
    for (const LifecycleEvent& event : events) {
        merge(record, event);
        if (settle_each) settle(record);
    }
    settle(record);
    return record;
}

// In the row and out of it again.
JobRecord stored(const JobRecord& record) {
    std::string job, trail;
    append_job_json(job, record.job);
    append_trail_json(trail, record.trail);
    JobRecord read;
    read.job.key = record.job.key;
    read.job.state = record.job.state;
    read.job.since = record.job.since;
    read.job.submitted_at = record.job.submitted_at;
    EXPECT_TRUE(read_job_json(job, read.job)) << job;
    EXPECT_TRUE(read_trail_json(trail, read.trail)) << trail;
    if (read.trail.result) read.trail.result->value.content = record.trail.result->value.content;
    read.job.result.content = record.job.result.content;
    return read;
}

TEST(JobRecord, C2_a_job_s_life_from_submission_to_its_result) {
    JobRecord record;
    const auto tell = [&](LifecycleEvent event) {
        event.queue = "default.email";
        event.job_id = "j";
        event.type = "send";
        merge(record, event);
        settle(record);
        return record.job;
    };
    Job job = tell({.state = JobEvent::submitted, .at = at(0), .labels = R"({"user":"ada"})"});
    EXPECT_EQ(job.state, JobState::waiting);
    EXPECT_EQ(job.submitted_at, at(0));
    job = tell({.state = JobEvent::started,
                .attempt = 1,
                .max_attempts = 3,
                .at = at(1000),
                .pod = "p",
                .topic = "t",
                .partition = 2,
                .offset = 7});
    EXPECT_EQ(job.state, JobState::active);
    EXPECT_EQ(job.started_at, at(1000));
    EXPECT_EQ(job.offset, 7);
    job = tell({.state = JobEvent::progressed, .attempt = 1, .at = at(1500), .percent = 40});
    job = tell({.state = JobEvent::progressed, .attempt = 1, .at = at(1700), .message = "on the way"});
    EXPECT_EQ(job.progress, (JobProgress{.percent = 40, .percent_at = at(1500), .message = "on the way"}));
    EXPECT_EQ(job.since, at(1000));
    EXPECT_EQ(job.pod, "p");
    job = tell({.state = JobEvent::retrying,
                .attempt = 1,
                .at = at(2000),
                .pod = "p",
                .error_class = "Http503",
                .error_status = 503,
                .error_message = "busy",
                .due_at = at(4000),
                .busy = 1s});
    EXPECT_EQ(job.state, JobState::retrying);
    EXPECT_EQ(job.due_at, at(4000));
    EXPECT_EQ(job.error, (JobError{"Http503", 503, "busy"}));
    job = tell({.state = JobEvent::started, .attempt = 2, .at = at(4000), .pod = "q"});
    EXPECT_FALSE(job.progress);  // was the first attempt's
    EXPECT_FALSE(job.due_at);
    EXPECT_EQ(job.error->error_class, "Http503");
    job = tell(
        {.state = JobEvent::completed, .attempt = 2, .at = at(5000), .pod = "q", .result = "{\"n\":1}", .busy = 1s});
    EXPECT_EQ(job.state, JobState::completed);
    EXPECT_FALSE(job.error);
    EXPECT_EQ(job.result.kind, JobResult::Kind::json);
    EXPECT_EQ(job.result.content, "{\"n\":1}");
    EXPECT_EQ(job.first_started_at, at(1000));
    EXPECT_EQ(job.started_at, at(4000));
    EXPECT_EQ(job.finished_at, at(5000));
    EXPECT_EQ(job.labels, R"({"user":"ada"})");
    EXPECT_EQ(record.trail.transitions.size(), 5U);
}

TEST(JobRecord, C2_a_short_attempt_began_its_busy_time_before_its_end) {
    const Job job = record_of({{.state = JobEvent::completed, .attempt = 1, .at = at(1000), .busy = 300ms}}).job;
    EXPECT_EQ(job.started_at, at(700));
    EXPECT_EQ(job.first_started_at, at(700));
    EXPECT_EQ(job.busy, 300ms);
}

TEST(JobRecord, C3_of_the_ends_of_an_attempt_completed_counts_most) {
    const LifecycleEvent completed{.state = JobEvent::completed, .attempt = 1, .at = at(1000)};
    const LifecycleEvent retrying{.state = JobEvent::retrying, .attempt = 1, .at = at(2000), .error_class = "Timeout"};
    EXPECT_EQ(record_of({completed, retrying}).job.state, JobState::completed);
    EXPECT_EQ(record_of({retrying, completed}).job.state, JobState::completed);
}

TEST(JobRecord, C6_what_was_removed_stays_away_until_a_higher_run) {
    const LifecycleEvent failed{.state = JobEvent::failed, .attempt = 3, .at = at(1000), .error_class = "Timeout"};
    const LifecycleEvent removed{.state = JobEvent::removed, .attempt = 1, .at = at(2000)};
    const LifecycleEvent late{.state = JobEvent::completed, .attempt = 9, .at = at(3000)};
    const LifecycleEvent again{.state = JobEvent::waiting, .run = 1, .at = at(4000)};
    JobRecord record = record_of({failed, removed, late});
    EXPECT_EQ(record.job.state, JobState::removed);
    EXPECT_TRUE(record.trail.transitions.empty());
    EXPECT_TRUE(is_removed(record, 0));
    record = record_of({again, removed, late, failed});
    EXPECT_EQ(record.job.state, JobState::waiting);
    EXPECT_EQ(record.trail.transitions.size(), 1U);
    EXPECT_FALSE(is_removed(record, 1));
}

TEST(JobRecord, C3_log_lines_alone_are_no_job) {
    EXPECT_EQ(record_of({{.state = JobEvent::log, .attempt = 1, .at = at(5)}}).job.state, JobState::unknown);
}

TEST(JobRecord, C2_a_result_is_of_the_kind_that_it_is_in_fact) {
    using Kind = JobResult::Kind;
    const auto kind = [](std::string_view result, std::string_view type, std::uint64_t left_out = 0) {
        return result_of({.result = result, .content_type = type, .result_left_out = left_out}).kind;
    };
    EXPECT_EQ(kind("", ""), Kind::none);
    EXPECT_EQ(kind("[1]", ""), Kind::json);
    EXPECT_EQ(kind("[1]", "text/plain"), Kind::text);
    EXPECT_EQ(kind("[1", ""), Kind::text);
    EXPECT_EQ(kind("\xFF", "image/png"), Kind::bytes);
    EXPECT_EQ(kind("", "image/png", 100'000), Kind::left_out);
}

TEST(JobRecord, C3_of_a_very_long_life_the_newest_part_is_kept) {
    std::vector<LifecycleEvent> events;
    for (int attempt = 1; attempt <= 300; ++attempt) {
        events.push_back({.state = JobEvent::retrying, .attempt = attempt, .at = at(attempt), .error_class = "E"});
    }
    const JobRecord record = record_of(events);
    EXPECT_EQ(record.trail.transitions.size(), most_transitions);
    EXPECT_EQ(record.trail.transitions.front().attempt, 101);
    std::ranges::reverse(events);
    EXPECT_EQ(record_of(events), record);
}

RC_GTEST_PROP(JobRecord, C3_any_order_of_events_and_any_of_them_again_come_to_the_same, (unsigned seed)) {
    std::vector<ToldEvent> told;
    for (int i = *rc::gen::inRange(1, 20); i > 0; --i) told.push_back(any_event());
    std::vector<LifecycleEvent> events;
    for (const ToldEvent& event : told) events.push_back(event.read());
    const JobRecord expected = record_of(events);
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < told.size(); i += 2) events.push_back(told[i].read());
    std::ranges::shuffle(events, random);
    RC_ASSERT(record_of(events) == expected);
    RC_ASSERT(record_of(events, true) == expected);
}

RC_GTEST_PROP(JobRecord, C16_reads_from_its_row_as_it_was_written, ()) {
    std::vector<ToldEvent> told;
    for (int i = *rc::gen::inRange(1, 8); i > 0; --i) told.push_back(any_event());
    JobRecord record;
    for (const ToldEvent& event : told) merge(record, event.read());
    settle(record);
    RC_ASSERT(stored(record) == record);
}

TEST(JobRecord, C16_what_is_no_row_is_refused) {
    Job job;
    Trail trail;
    for (const char* text : {"", "[]", "{", "{\"run\":\"x\"}", "{\"error\":1}", "{\"updatedAt\":99999999999999999}"}) {
        EXPECT_FALSE(read_job_json(text, job)) << text;
    }
    EXPECT_FALSE(read_trail_json(R"({"transitions":[{"event":"unheard-of"}]})", trail));
    EXPECT_TRUE(read_job_json(R"({"of a later version":[1]})", job));
}

}  // namespace
}  // namespace drover::gateway::test
