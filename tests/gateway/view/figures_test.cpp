// What a view answers about a queue as a whole, on both databases.
#include "tests/gateway/view/test_databases.h"

namespace drover::gateway::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class FiguresTest : public ViewTest {
protected:
    static LifecycleEvent event(JobEvent state, std::string_view id, int attempt, std::int64_t millis) {
        return {.queue = "default.email",
                .job_id = id,
                .type = "send",
                .state = state,
                .attempt = attempt,
                .at = at(millis)};
    }
    static LifecycleEvent ended(JobEvent state, std::string_view id, std::int64_t millis, Duration busy,
                                std::string_view error = "") {
        LifecycleEvent end = event(state, id, 1, millis);
        end.busy = busy;
        end.error_class = error;
        return end;
    }
};
ON_BOTH_DATABASES(FiguresTest);

TEST_P(FiguresTest, C4_of_a_queue_and_of_all) {
    LifecycleEvent other = ended(JobEvent::completed, "x", 90'000, 9s);
    other.queue = "default.sms";
    tell({event(JobEvent::submitted, "a", 0, 0), ended(JobEvent::completed, "a", 3'000, 1s),
          ended(JobEvent::completed, "b", 70'000, 3s), ended(JobEvent::failed, "c", 71'000, 1s, "Http500"),
          ended(JobEvent::retrying, "d", 72'000, 1s, "Timeout"), ended(JobEvent::retrying, "e", 73'000, 1s, "Timeout"),
          other});
    const QueueFigures email = must(view_->figures("default.email", at(0)));
    EXPECT_EQ(email.total.completed, 2);
    EXPECT_EQ(email.total.failed, 1);
    EXPECT_EQ(email.total.retried, 2);
    EXPECT_THAT(email.errors, ElementsAre(Pair("Http500", 1), Pair("Timeout", 2)));
    EXPECT_EQ(email.run.count, 2);
    EXPECT_EQ(email.run.mean, 2s);
    EXPECT_EQ(email.types.at("send"), email.run);
    EXPECT_EQ(email.wait.count, 1);  // only of a is known when it could begin
    EXPECT_EQ(email.wait.mean, 2s);
    EXPECT_EQ(must(view_->figures("", at(0))).total.completed, 3);
    EXPECT_EQ(must(view_->figures("default.email", at(60'000))).total.completed, 1);
    EXPECT_THAT(must(view_->figures("default.none", at(0))).minutes, IsEmpty());
}

TEST_P(FiguresTest, C4_counts_are_by_queue_and_state) {
    EXPECT_THAT(must(view_->counts()), IsEmpty());
    tell({event(JobEvent::submitted, "a", 0, 0), event(JobEvent::submitted, "b", 0, 0),
          event(JobEvent::started, "b", 1, 5)});
    EXPECT_THAT(must(view_->counts()),
                ElementsAre(Pair("default.email", ElementsAre(Pair(JobState::waiting, 1), Pair(JobState::active, 1)))));
    tell({event(JobEvent::cancelled, "a", 0, 9)});
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::cancelled], 1);
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_P(FiguresTest, C4_the_oldest_in_each_state) {
    tell({event(JobEvent::submitted, "a", 0, 10), event(JobEvent::submitted, "b", 0, 20),
          event(JobEvent::started, "c", 1, 30)});
    EXPECT_THAT(must(view_->oldest("default.email")),
                ElementsAre(Pair(JobState::waiting, at(10)), Pair(JobState::active, at(30))));
    tell({event(JobEvent::started, "a", 1, 40)});
    EXPECT_THAT(must(view_->oldest("default.email")),
                ElementsAre(Pair(JobState::waiting, at(20)), Pair(JobState::active, at(30))));
    EXPECT_THAT(must(view_->oldest("default.none")), IsEmpty());
}

TEST_P(FiguresTest, C4_the_pulse_of_each_queue_is_of_late_and_says_who_waits_longest) {
    EXPECT_THAT(must(view_->pulses(at(0))), IsEmpty());
    tell({event(JobEvent::submitted, "a", 0, 10), event(JobEvent::submitted, "b", 0, 20),
          event(JobEvent::completed, "c", 1, 30), event(JobEvent::completed, "d", 1, 90'000)});
    const std::map<std::string, QueuePulse> all = must(view_->pulses(at(0)));
    ASSERT_THAT(all, ElementsAre(Pair("default.email", testing::_)));
    EXPECT_EQ(all.at("default.email").total.completed, 2);
    EXPECT_EQ(all.at("default.email").oldest_waiting, at(10));
    EXPECT_EQ(must(view_->pulses(at(60'000))).at("default.email").total.completed, 1);
    EXPECT_EQ(must(view_->pulses(at(600'000))).at("default.email").total.completed, 0) << "its jobs are still there";
}

}  // namespace
}  // namespace drover::gateway::test
