// What a view answers about a job, on both databases.
#include "gateway/view/job_view.h"

#include <algorithm>
#include <random>

#include <rapidcheck.h>

#include "tests/gateway/view/test_databases.h"

namespace drover::gateway::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

class JobViewTest : public ViewTest {};
ON_BOTH_DATABASES(JobViewTest);

constexpr const char* queue = "default.email";

LifecycleEvent event(JobEvent state, std::string_view id = "j", int attempt = 0, std::int64_t millis = 0) {
    return {.queue = queue, .job_id = id, .type = "send", .state = state, .attempt = attempt, .at = at(millis)};
}

TEST_P(JobViewTest, C2_a_job_is_found_with_its_result_and_intermediate_ones) {
    LifecycleEvent progressed = event(JobEvent::progressed, "j", 1, 20);
    progressed.percent = 50;
    progressed.result = "[1]";
    LifecycleEvent completed = event(JobEvent::completed, "j", 1, 30);
    completed.result = "[1,2]";
    completed.busy = 20ms;
    tell({event(JobEvent::submitted), progressed, completed});
    const auto details = must(view_->jobs("j"));
    ASSERT_THAT(details, SizeIs(1));
    const Job& job = details[0].job;
    EXPECT_EQ(job.key, (JobKey{queue, "j"}));
    EXPECT_EQ(job.state, JobState::completed);
    EXPECT_EQ(job.type, "send");
    EXPECT_EQ(job.submitted_at, at(0));
    EXPECT_EQ(job.started_at, at(10));
    EXPECT_EQ(job.finished_at, at(30));
    EXPECT_EQ(job.since, at(30));
    EXPECT_EQ(job.result, (JobResult{.kind = JobResult::Kind::json, .content = "[1,2]"}));
    ASSERT_THAT(details[0].intermediate, SizeIs(1));
    EXPECT_EQ(details[0].intermediate[0].result, (JobResult{.kind = JobResult::Kind::json, .content = "[1]"}));
    EXPECT_EQ(must(view_->job({queue, "j"})), details[0]);
}

TEST_P(JobViewTest, C2_what_there_is_not_is_not_found) {
    tell({event(JobEvent::submitted)});
    EXPECT_THAT(must(view_->jobs("other")), IsEmpty());
    EXPECT_THAT(must(view_->jobs("")), IsEmpty());
    EXPECT_FALSE(must(view_->job({"default.sms", "j"})));
    EXPECT_THAT(must(view_->history({queue, "other"})), IsEmpty());
    EXPECT_THAT(must(view_->logs({queue, "other"})), IsEmpty());
}

TEST_P(JobViewTest, C2_one_id_in_two_queues_is_two_jobs) {
    LifecycleEvent other = event(JobEvent::started, "j", 1);
    other.queue = "default.sms";
    tell({event(JobEvent::submitted), other});
    const auto details = must(view_->jobs("j"));
    ASSERT_THAT(details, SizeIs(2));
    EXPECT_EQ(details[0].job.state, JobState::waiting);
    EXPECT_EQ(details[1].job.key.queue, "default.sms");
    EXPECT_EQ(details[1].job.state, JobState::active);
}

TEST_P(JobViewTest, C3_history_is_every_transition_with_time_pod_attempt_and_cause) {
    LifecycleEvent retrying = event(JobEvent::retrying, "j", 1, 30);
    retrying.pod = "pod-1";
    retrying.error_class = "Http503";
    retrying.error_status = 503;
    retrying.error_message = "busy";
    retrying.due_at = at(2030);
    retrying.busy = 7123us;
    tell({event(JobEvent::completed, "j", 2, 2100), retrying, event(JobEvent::submitted)});
    const auto history = must(view_->history({queue, "j"}));
    ASSERT_THAT(history, SizeIs(3));
    EXPECT_EQ(history[0].event, JobEvent::submitted);
    EXPECT_EQ(history[1], (Transition{.attempt = 1,
                                      .event = JobEvent::retrying,
                                      .at = at(30),
                                      .pod = "pod-1",
                                      .error = JobError{"Http503", 503, "busy"},
                                      .due_at = at(2030),
                                      .busy = 7123us}));
    EXPECT_EQ(history[2].event, JobEvent::completed);
}

TEST_P(JobViewTest, C3_logs_are_in_order_and_the_newest_thousand) {
    std::vector<ToldEvent> events{event(JobEvent::started, "j", 1)};
    for (int i = 0; i < 1400; ++i) {
        LifecycleEvent log = event(JobEvent::log, "j", 1, i);
        const std::string words = "line " + std::to_string(i);
        log.message = words;
        log.level = "warn";
        log.lines_left_out = i == 1399 ? 7 : 0;
        events.emplace_back(log);
    }
    tell(events);
    const auto logs = must(view_->logs({queue, "j"}));
    ASSERT_THAT(logs, SizeIs(1000));
    EXPECT_EQ(logs.front().lines, "line 400");
    EXPECT_EQ(logs.back(),
              (LogEntry{.attempt = 1, .at = at(1399), .level = "warn", .lines = "line 1399", .lines_left_out = 7}));
}

TEST_P(JobViewTest, C2_of_intermediate_results_the_newest_sixteen_are_kept) {
    std::vector<ToldEvent> events;
    for (int i = 0; i < 40; ++i) {
        LifecycleEvent progressed = event(JobEvent::progressed, "j", 1, i);
        const std::string number = std::to_string(i);
        progressed.result = number;
        events.emplace_back(progressed);
    }
    tell(events);
    const auto detail = must(view_->job({queue, "j"}));
    ASSERT_TRUE(detail);
    ASSERT_THAT(detail->intermediate, SizeIs(16));
    EXPECT_EQ(detail->intermediate.front().result.content, "24");
    EXPECT_EQ(detail->intermediate.back().result.content, "39");
}

TEST_P(JobViewTest, C3_logs_without_a_job_wait_for_it_unseen) {
    LifecycleEvent log = event(JobEvent::log, "j", 1, 5);
    log.message = "early";
    tell({log});
    EXPECT_THAT(must(view_->jobs("j")), IsEmpty());
    EXPECT_THAT(must(view_->counts()), IsEmpty());
    EXPECT_THAT(must(view_->list({}, "", 10)).jobs, IsEmpty());
    tell({event(JobEvent::started, "j", 1, 4)});
    EXPECT_THAT(must(view_->logs({queue, "j"})), SizeIs(1));
    EXPECT_THAT(must(view_->counts()), ElementsAre(Pair(queue, ElementsAre(Pair(JobState::active, 1)))));
}

TEST_P(JobViewTest, C16_a_batch_that_comes_again_changes_nothing) {
    std::vector<ToldEvent> told{event(JobEvent::submitted), event(JobEvent::started, "j", 1, 10)};
    std::vector<PlacedEvent> placed{{told[0].read(), 3, 100}, {told[1].read(), 3, 101}};
    const EventBatch batch{.events = placed, .to = {{3, 102}}};
    EXPECT_THAT(must(view_->apply(batch)), SizeIs(1));
    EXPECT_THAT(must(view_->apply(batch)), IsEmpty());
    EXPECT_EQ(must(view_->positions()), (EventPositions{{3, 102}}));
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_P(JobViewTest, C16_a_gap_is_a_conflict_and_nothing_is_applied) {
    const ToldEvent told = event(JobEvent::submitted);
    std::vector<PlacedEvent> placed{{told.read(), 0, 5}};
    const EventBatch batch{.events = placed, .from = {{0, 5}}, .to = {{0, 6}}};
    const auto applied = view_->apply(batch);
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Error::Code::conflict);
    EXPECT_THAT(must(view_->jobs("j")), IsEmpty());
    EXPECT_THAT(must(view_->positions()), IsEmpty());
    // Nothing but markers is progress, too.
    must(view_->apply({.to = {{0, 5}}}));
    EXPECT_THAT(must(view_->apply(batch)), SizeIs(1));
}

TEST_P(JobViewTest, C16_another_connection_sees_the_same_after_a_restart) {
    tell({event(JobEvent::submitted), event(JobEvent::started, "k", 1)});
    const auto other = database_->open();
    EXPECT_EQ(must(other->positions()), (EventPositions{{0, 2}}));
    EXPECT_EQ(must(other->jobs("k")), must(view_->jobs("k")));
    EXPECT_EQ(must(other->counts()), must(view_->recount()));
}

TEST_P(JobViewTest, C16_cleared_it_knows_nothing_and_begins_anew) {
    tell({event(JobEvent::submitted)});
    must(view_->clear());
    EXPECT_THAT(must(view_->positions()), IsEmpty());
    EXPECT_THAT(must(view_->counts()), IsEmpty());
    EXPECT_THAT(must(view_->jobs("j")), IsEmpty());
    Teller anew(*view_);
    EXPECT_THAT(anew.tell({event(JobEvent::submitted)}), SizeIs(1));
}

TEST_P(JobViewTest, C2_changes_say_which_jobs_look_different_now) {
    auto changes =
        tell({event(JobEvent::submitted, "a"), event(JobEvent::submitted, "b"), event(JobEvent::started, "a", 1)});
    ASSERT_THAT(changes, SizeIs(2));
    EXPECT_EQ(changes[0].job->state, JobState::active);
    EXPECT_EQ(changes[1].job->state, JobState::waiting);
    EXPECT_THAT(tell({event(JobEvent::submitted, "a")}), IsEmpty());
    LifecycleEvent log = event(JobEvent::log, "a", 1);
    log.message = "x";
    changes = tell({log});
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_TRUE(changes[0].has_logs);
    changes = tell({event(JobEvent::removed, "a")});
    ASSERT_THAT(changes, SizeIs(1));
    EXPECT_EQ(changes[0].job->state, JobState::removed);
    EXPECT_THAT(tell({event(JobEvent::removed, "a", 0, 1)}), IsEmpty());
}

TEST_P(JobViewTest, C6_a_removed_job_is_gone_with_all_that_belongs_to_it) {
    LifecycleEvent log = event(JobEvent::log, "j", 1);
    log.message = "x";
    tell({event(JobEvent::started, "j", 1), log});
    tell({event(JobEvent::removed, "j", 1, 50)});
    const auto is_gone = [&] {
        EXPECT_THAT(must(view_->jobs("j")), IsEmpty());
        EXPECT_FALSE(must(view_->job({queue, "j"})));
        EXPECT_THAT(must(view_->list({}, "", 10)).jobs, IsEmpty());
        EXPECT_THAT(must(view_->counts()), IsEmpty());
        EXPECT_THAT(must(view_->history({queue, "j"})), IsEmpty());
        EXPECT_THAT(must(view_->logs({queue, "j"})), IsEmpty());
    };
    is_gone();
    tell({event(JobEvent::completed, "j", 7, 90), log});
    is_gone();
    LifecycleEvent again = event(JobEvent::waiting, "j", 0, 100);
    again.run = 1;
    tell({again});
    EXPECT_THAT(must(view_->jobs("j")), SizeIs(1));
    EXPECT_THAT(must(view_->history({queue, "j"})), SizeIs(1));
    EXPECT_THAT(must(view_->logs({queue, "j"})), IsEmpty());
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_P(JobViewTest, C2_any_text_in_any_field_comes_back_as_it_was_told) {
    const std::string texts[] = {
        "'; DROP TABLE jobs; --",    "\"$1\"",   std::string("nul\0inside", 10), "\\x00 \\N {1,2}", "%_*?[a]",
        "\xF0\x9F\x90\x8E \xC3\xA4", "a\r\n\tb", std::string(5000, 'x')};
    std::vector<ToldEvent> events;
    for (const std::string& text : texts) {
        LifecycleEvent retrying{.queue = text,
                                .job_id = text,
                                .type = text,
                                .state = JobEvent::retrying,
                                .attempt = 1,
                                .at = at(1),
                                .pod = text,
                                .error_class = text,
                                .error_message = text,
                                .topic = text,
                                .labels = text};
        events.emplace_back(retrying);
        events.emplace_back(LifecycleEvent{.queue = text,
                                           .job_id = text,
                                           .state = JobEvent::progressed,
                                           .attempt = 2,
                                           .at = at(2),
                                           .step = text,
                                           .message = text,
                                           .result = text,
                                           .content_type = "text/plain"});
        events.emplace_back(LifecycleEvent{.queue = text,
                                           .job_id = text,
                                           .state = JobEvent::log,
                                           .attempt = 2,
                                           .at = at(3),
                                           .message = text,
                                           .level = text});
    }
    tell(events);
    for (const std::string& text : texts) {
        const JobKey key{text, text};
        const auto detail = must(view_->job(key));
        ASSERT_TRUE(detail) << text;
        const Job& job = detail->job;
        EXPECT_EQ(job.key, key);
        EXPECT_EQ(job.type, text);
        EXPECT_EQ(job.labels, text);
        EXPECT_EQ(job.topic, text);
        EXPECT_EQ(job.error->error_class, text);
        EXPECT_EQ(job.error->message, text);
        EXPECT_EQ(job.progress->step, text);
        EXPECT_EQ(job.progress->message, text);
        ASSERT_THAT(detail->intermediate, SizeIs(1));
        EXPECT_EQ(detail->intermediate[0].result.content, text);
        EXPECT_EQ(must(view_->logs(key)).at(0).lines, text);
        EXPECT_EQ(must(view_->logs(key)).at(0).level, text);
        EXPECT_EQ(must(view_->history(key)).at(0).pod, text);
        EXPECT_EQ(
            must(view_->list({.queue = text, .type = text, .error_class = text, .text = text}, "", 10)).jobs.size(),
            1U);
        EXPECT_EQ(must(view_->counts())[text][JobState::active], 1);
        EXPECT_EQ(must(view_->figures(text, at(0))).errors[text], 1);
    }
}

TEST_P(JobViewTest, C2_bytes_that_are_no_text_are_asked_for_in_vain_and_kept_in_results) {
    const std::string bytes("\xFF\xFE\0\x80", 4);
    LifecycleEvent completed = event(JobEvent::completed, "j", 1);
    completed.result = bytes;
    completed.content_type = "image/png";
    tell({completed});
    EXPECT_EQ(must(view_->jobs("j")).at(0).job.result,
              (JobResult{.kind = JobResult::Kind::bytes, .content = bytes, .content_type = "image/png"}));
    EXPECT_THAT(must(view_->jobs(bytes)), IsEmpty());
    EXPECT_THAT(must(view_->list({.queue = bytes}, "", 10)).jobs, IsEmpty());
    EXPECT_THAT(must(view_->list({.type = bytes, .label = bytes, .text = bytes}, "", 10)).jobs, IsEmpty());
    EXPECT_FALSE(view_->list({}, bytes, 10));
}

// All that can be asked, as text to compare.
std::string everything(JobView& view) {
    std::string all;
    const auto add = [&](const auto& what) { all += testing::PrintToString(what) + "\n"; };
    const JobPage page = must(view.list({}, "", 100));
    for (const Job& job : page.jobs) {
        add(job.key.queue);
        add(job.key.id);
        const JobDetail detail = must(view.job(job.key)).value();
        EXPECT_EQ(detail.job.state, job.state);
        std::string json;
        add(static_cast<int>(job.state));
        add(std::vector<std::int64_t>{to_millis(job.since), to_millis(job.submitted_at), to_millis(job.updated_at)});
        add(std::vector<std::int64_t>{job.run, job.attempt, job.max_attempts, job.partition, job.offset});
        add(std::vector<std::string>{job.type, job.labels, job.pod, job.topic, detail.job.result.content});
        add(job.progress ? job.progress->step + job.progress->message : "");
        for (const IntermediateResult& result : detail.intermediate) add(result.result.content);
        for (const Transition& step : must(view.history(job.key))) {
            add(std::vector<std::int64_t>{step.run, step.attempt, static_cast<int>(step.event), to_millis(step.at)});
        }
        for (const LogEntry& log : must(view.logs(job.key))) add(log.lines);
    }
    for (const auto& [queue_name, states] : must(view.counts())) {
        add(queue_name);
        for (const auto& [state, count] : states) add(std::pair(static_cast<int>(state), count));
        for (const auto& [state, since] : must(view.oldest(queue_name))) add(to_millis(since));
    }
    const QueueFigures figures = must(view.figures("", at(-1'000'000)));
    for (const MinuteFigures& minute : figures.minutes) {
        add(std::vector<std::int64_t>{to_millis(minute.minute), minute.completed, minute.failed, minute.cancelled,
                                      minute.retried});
    }
    add(std::vector<std::int64_t>{figures.run.count, figures.run.mean.count(), figures.wait.count,
                                  figures.wait.p99.count()});
    add(figures.errors);
    return all;
}

TEST_P(JobViewTest, C16_any_order_of_events_and_any_of_them_again_give_the_same_rows_and_counts) {
    const bool holds = rc::check([&] {
        const int count = *rc::gen::inRange(1, 40);
        std::vector<ToldEvent> told;
        for (int i = 0; i < count; ++i) told.push_back(any_event());
        std::vector<PlacedEvent> events;
        for (int i = 0; i < count; ++i) events.push_back({told[static_cast<std::size_t>(i)].read(), 0, i});
        must(view_->clear());
        must(view_->apply({.events = events, .to = {{0, count}}}));
        const std::string expected = everything(*view_);

        // What Kafka would never do, an event at its place in another order, in batches of any size, and some twice.
        std::mt19937 random(*rc::gen::arbitrary<unsigned>());
        for (int i = 0; i < count / 2; ++i) events.push_back(events[random() % static_cast<unsigned>(count)]);
        std::ranges::shuffle(events, random);
        must(view_->clear());
        for (std::size_t begin = 0; begin < events.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random() % 8, events.size() - begin);
            must(view_->apply({.events = std::span(events).subspan(begin, size)}));
            begin += size;
        }
        RC_ASSERT(everything(*view_) == expected);
        RC_ASSERT(must(view_->counts()) == must(view_->recount()));
    });
    EXPECT_TRUE(holds);
}

TEST_P(JobViewTest, C4_counts_equal_a_recount_after_any_life) {
    for (int round = 0; round < 20; ++round) {
        std::mt19937 random(static_cast<unsigned>(round));
        std::vector<ToldEvent> events;
        for (int i = 0; i < 300; ++i) {
            const std::string id = std::to_string(random() % 60), of = "default.q" + std::to_string(random() % 3);
            LifecycleEvent any{.queue = of,
                               .job_id = id,
                               .state = static_cast<JobEvent>(random() % 11),
                               .run = static_cast<int>(random() % 2),
                               .attempt = static_cast<int>(random() % 3),
                               .at = at(static_cast<int>(random() % 100'000))};
            events.emplace_back(any);
        }
        tell(events);
        EXPECT_EQ(must(view_->counts()), must(view_->recount()));
    }
}

TEST_P(JobViewTest, C16_only_one_feeds_and_the_others_hear_what_it_changed) {
    const auto other = database_->open();
    ASSERT_TRUE(must(view_->lead()));
    ASSERT_TRUE(must(view_->lead()));
    if (GetParam() == Kind::sqlite) {
        EXPECT_THAT(must(other->follow(0ms)), IsEmpty());
        return;
    }
    EXPECT_FALSE(must(other->lead()));
    EXPECT_THAT(must(other->follow(0ms)), IsEmpty());  // begins to listen
    std::vector<ToldEvent> events;
    for (int i = 0; i < 500; ++i) events.emplace_back(event(JobEvent::submitted, "job-" + std::to_string(i)));
    tell(events);
    std::vector<std::string> heard;
    while (heard.size() < 500) {
        for (const JobChange& change : must(other->follow(60s))) {
            EXPECT_FALSE(change.job);
            EXPECT_EQ(change.key.queue, queue);
            heard.push_back(change.key.id);
        }
    }
    EXPECT_EQ(heard.front(), "job-0");
    EXPECT_EQ(heard.back(), "job-499");
    view_.reset();  // its connection takes the lock with it, once the server has seen that
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!must(other->lead())) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    Teller next(*other);
    EXPECT_EQ(must(other->positions()), (EventPositions{{0, 500}}));
}

TEST(JobView, C16_what_is_no_database_is_refused_by_name) {
    for (const char* where : {"", "sqlite:", "sqlite::memory:", "postgresql://[", "host"}) {
        const auto view = open_job_view({.where = where});
        ASSERT_FALSE(view) << where;
        EXPECT_EQ(view.error().code, Error::Code::invalid);
    }
}

}  // namespace
}  // namespace drover::gateway::test
