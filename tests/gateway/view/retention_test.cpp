// What is kept how long, on both databases.
#include "tests/gateway/view/test_databases.h"

namespace drover::gateway::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class RetentionTest : public ViewTest {
protected:
    void tell_ended(JobEvent state, int count, std::int64_t first_millis, const std::string& name) {
        std::vector<ToldEvent> events;
        for (int i = 0; i < count; ++i) {
            const std::string id = name + std::to_string(i);
            LifecycleEvent log{.queue = queue,
                               .job_id = id,
                               .state = JobEvent::log,
                               .attempt = 1,
                               .at = at(first_millis),
                               .message = "x"};
            events.emplace_back(log);
            events.emplace_back(LifecycleEvent{.queue = queue,
                                               .job_id = id,
                                               .state = state,
                                               .attempt = 1,
                                               .at = at(first_millis + i),
                                               .error_class = "E"});
        }
        tell(events);
    }
    std::int64_t count(JobState state) { return must(view_->counts())[queue][state]; }

    const std::string queue = "default.email";
};
ON_BOTH_DATABASES(RetentionTest);

TEST_P(RetentionTest, C6_completed_by_age_and_failed_by_its_own) {
    tell_ended(JobEvent::completed, 10, 0, "done-");
    tell_ended(JobEvent::cancelled, 4, 0, "cancelled-");
    tell_ended(JobEvent::failed, 5, 0, "failed-");
    const QueueRetention retention{.completed_age = 1h, .failed_age = 2h};
    EXPECT_EQ(must(view_->forget(queue, retention, at(0) + 1h, 100)).jobs, 0);
    const Forgotten forgotten = must(view_->forget(queue, retention, at(0) + 1h + 5ms, 100));
    EXPECT_EQ(forgotten.jobs, 9);  // submitted 0 to 4 ms ago, and all cancelled ones
    EXPECT_FALSE(forgotten.more);
    EXPECT_EQ(count(JobState::completed), 5);
    EXPECT_EQ(count(JobState::cancelled), 0);
    EXPECT_EQ(count(JobState::failed), 5);
    EXPECT_THAT(must(view_->jobs("done-0")), IsEmpty());
    EXPECT_THAT(must(view_->logs({queue, "done-0"})), IsEmpty());
    EXPECT_THAT(must(view_->jobs("done-9")), SizeIs(1));
    EXPECT_EQ(must(view_->forget(queue, retention, at(0) + 3h, 100)).jobs, 10);
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
    EXPECT_EQ(must(view_->figures(queue, at(0))).total.completed, 10);  // it happened all the same
}

TEST_P(RetentionTest, C6_completed_by_count_in_bounded_steps_oldest_first) {
    tell_ended(JobEvent::completed, 100, 0, "done-");
    const QueueRetention retention{.completed_count = 30};
    Forgotten forgotten = must(view_->forget(queue, retention, at(0) + 30s, 40));
    EXPECT_EQ(forgotten.jobs, 0);  // too young
    forgotten = must(view_->forget(queue, retention, at(0) + 2min, 40));
    EXPECT_EQ(forgotten.jobs, 40);
    EXPECT_TRUE(forgotten.more);
    forgotten = must(view_->forget(queue, retention, at(0) + 2min, 40));
    EXPECT_EQ(forgotten.jobs, 30);
    EXPECT_FALSE(forgotten.more);
    EXPECT_EQ(must(view_->forget(queue, retention, at(0) + 2min, 40)).jobs, 0);
    EXPECT_EQ(count(JobState::completed), 30);
    EXPECT_THAT(must(view_->jobs("done-69")), IsEmpty());
    EXPECT_THAT(must(view_->jobs("done-70")), SizeIs(1));
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_P(RetentionTest, C6_what_is_not_finished_and_other_queues_stay) {
    tell({LifecycleEvent{.queue = queue, .job_id = "w", .state = JobEvent::waiting, .at = at(0)},
          LifecycleEvent{
              .queue = "default.sms", .job_id = "c", .state = JobEvent::completed, .attempt = 1, .at = at(0)}});
    const QueueRetention none{.completed_age = 0s, .completed_count = 0, .failed_age = 0s};
    EXPECT_EQ(must(view_->forget(queue, none, at(0) + 1000h, 10)).jobs, 0);
    EXPECT_THAT(must(view_->jobs("c")), SizeIs(1));
}

TEST_P(RetentionTest, C6_traces_of_removed_jobs_and_old_figures_go) {
    tell_ended(JobEvent::completed, 3, 0, "done-");
    std::vector<ToldEvent> events;
    for (int i = 0; i < 3; ++i) {
        const std::string id = "done-" + std::to_string(i);
        events.emplace_back(
            LifecycleEvent{.queue = queue, .job_id = id, .state = JobEvent::removed, .attempt = 1, .at = at(0)});
    }
    const LifecycleEvent log{
        .queue = queue, .job_id = "never-a-job", .state = JobEvent::log, .at = at(0), .message = "x"};
    events.emplace_back(log);
    events.emplace_back(
        LifecycleEvent{.queue = queue, .job_id = "f", .state = JobEvent::failed, .attempt = 1, .at = at(0)});
    tell(events);
    EXPECT_EQ(must(view_->forget_traces(at(0) + 23h, at(-60'000), 10)).jobs, 0);
    EXPECT_EQ(must(view_->figures(queue, at(-60'000))).total.failed, 1);
    const Forgotten forgotten = must(view_->forget_traces(at(0) + 25h, at(60'000), 3));
    EXPECT_EQ(forgotten.jobs, 3);
    EXPECT_TRUE(forgotten.more);
    EXPECT_EQ(must(view_->forget_traces(at(0) + 25h, at(60'000), 3)).jobs, 1);
    EXPECT_EQ(must(view_->forget_traces(at(0) + 25h, at(60'000), 3)).jobs, 0);
    EXPECT_THAT(must(view_->figures(queue, at(-60'000))).minutes, IsEmpty());
    // It is not known any more that the job was removed.
    tell({LifecycleEvent{.queue = queue, .job_id = "done-0", .state = JobEvent::waiting, .at = at(1)}});
    EXPECT_THAT(must(view_->jobs("done-0")), SizeIs(1));
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

}  // namespace
}  // namespace drover::gateway::test
