// Pages of jobs, on both databases.
#include <algorithm>
#include <set>

#include "tests/gateway/view/test_databases.h"

namespace drover::gateway::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ListTest : public ViewTest {
protected:
    void tell_job(JobState state, const std::string& id, std::int64_t submitted,
                  const std::string& queue = "default.email", const std::string& type = "send") {
        LifecycleEvent event{
            .queue = queue, .job_id = id, .type = type, .state = JobEvent::submitted, .at = at(submitted)};
        std::vector<ToldEvent> events{event};
        event.attempt = 1;
        event.at = at(submitted + 5);
        if (state == JobState::active) event.state = JobEvent::started;
        if (state == JobState::completed) event.state = JobEvent::completed;
        if (state == JobState::failed) {
            event.state = JobEvent::failed;
            event.error_class = "Timeout";
            event.error_message = "no answer within 30 s";
        }
        if (state != JobState::waiting) events.emplace_back(event);
        tell(events);
    }

    std::vector<std::string> ids(const JobFilter& filter, int limit = 100) {
        const JobPage page = must(view_->list(filter, "", limit));
        return ids_of(page);
    }
    static std::vector<std::string> ids_of(const JobPage& page) {
        std::vector<std::string> found;
        for (const Job& job : page.jobs) found.push_back(job.key.id);
        return found;
    }
};
ON_BOTH_DATABASES(ListTest);

TEST_P(ListTest, C5_newest_first_by_queue_state_type_error_and_time) {
    tell_job(JobState::waiting, "a", 10);
    tell_job(JobState::failed, "b", 40);
    tell_job(JobState::completed, "c", 20, "default.email", "bulk");
    tell_job(JobState::waiting, "d", 30, "default.sms");
    EXPECT_THAT(ids({}), ElementsAre("b", "d", "c", "a"));
    EXPECT_THAT(ids({.queue = "default.email"}), ElementsAre("b", "c", "a"));
    EXPECT_THAT(ids({.queue = "default.none"}), IsEmpty());
    EXPECT_THAT(ids({.states = {JobState::waiting}}), ElementsAre("d", "a"));
    EXPECT_THAT(ids({.states = {JobState::waiting, JobState::failed}}), ElementsAre("b", "d", "a"));
    EXPECT_THAT(ids({.type = "bulk"}), ElementsAre("c"));
    EXPECT_THAT(ids({.error_class = "Timeout"}), ElementsAre("b"));
    EXPECT_THAT(ids({.text = "no answer"}), ElementsAre("b"));
    EXPECT_THAT(ids({.submitted_from = at(20), .submitted_before = at(40)}), ElementsAre("d", "c"));
    EXPECT_THAT(ids({.submitted_before = at(10)}), IsEmpty());
    EXPECT_THAT(ids({.submitted_from = at(41)}), IsEmpty());
}

TEST_P(ListTest, C5_a_time_takes_in_all_jobs_of_the_millisecond_before_it) {
    std::vector<std::string> of_one_time;
    for (const char* end : {"3", "2", "1"}) {
        of_one_time.push_back("01a21d2b-a479-7f41-b470-37bb029fa20" + std::string(end));
        tell_job(JobState::waiting, of_one_time.back(), 10);
    }
    tell_job(JobState::waiting, "later", 11);
    EXPECT_EQ(ids({.submitted_before = at(10) + 1ms}), of_one_time);
}

TEST_P(ListTest, C5_pages_hold_each_job_once_in_order_of_equal_times_too) {
    std::vector<ToldEvent> events;
    std::set<std::string> expected;
    for (int i = 0; i < 100; ++i) {
        const std::string id = "job-" + std::to_string(i), of = "default.q" + std::to_string(i % 3);
        events.emplace_back(LifecycleEvent{.queue = of, .job_id = id, .at = at(i / 10)});
        if (i % 4 == 0)
            events.emplace_back(
                LifecycleEvent{.queue = of, .job_id = id, .state = JobEvent::started, .attempt = 1, .at = at(i)});
        expected.insert(id);
    }
    tell(events);
    for (const int limit : {1, 7, 50, 100, 1000}) {
        std::vector<Job> all;
        std::string cursor;
        do {
            const JobPage page = must(view_->list({}, cursor, limit));
            all.insert(all.end(), page.jobs.begin(), page.jobs.end());
            cursor = page.cursor;
        } while (!cursor.empty());
        std::set<std::string> found;
        for (const Job& job : all) found.insert(job.key.id);
        EXPECT_EQ(found, expected);
        EXPECT_THAT(all, SizeIs(100));
        EXPECT_TRUE(
            std::ranges::is_sorted(all, [](const Job& a, const Job& b) { return a.submitted_at > b.submitted_at; }));
    }
}

TEST_P(ListTest, C5_one_id_in_several_queues_is_listed_for_each_over_pages) {
    for (const char* of : {"default.a", "default.b", "default.c"}) tell_job(JobState::waiting, "same", 10, of);
    std::vector<std::string> queues;
    std::string cursor;
    do {
        const JobPage page = must(view_->list({}, cursor, 1));
        for (const Job& job : page.jobs) queues.push_back(job.key.queue);
        cursor = page.cursor;
    } while (!cursor.empty());
    EXPECT_THAT(queues, ElementsAre("default.c", "default.b", "default.a"));
}

TEST_P(ListTest, C5_a_cursor_stays_good_while_jobs_come_and_go) {
    for (int i = 0; i < 10; ++i) tell_job(JobState::waiting, std::to_string(i), i);
    const JobPage first = must(view_->list({}, "", 3));
    EXPECT_THAT(ids_of(first), ElementsAre("9", "8", "7"));
    tell_job(JobState::waiting, "new", 100);
    tell({LifecycleEvent{.queue = "default.email", .job_id = "7", .state = JobEvent::removed, .at = at(200)}});
    EXPECT_THAT(ids_of(must(view_->list({}, first.cursor, 3))), ElementsAre("6", "5", "4"));
    EXPECT_THAT(ids_of(must(view_->list({.submitted_before = at(3)}, first.cursor, 3))), ElementsAre("2", "1", "0"));
}

TEST_P(ListTest, C5_a_rare_text_is_looked_for_page_by_page) {
    std::vector<ToldEvent> events;
    for (int i = 0; i < 9000; ++i) {
        const std::string id = "job-" + std::to_string(i);
        events.emplace_back(
            LifecycleEvent{.queue = "default.email", .job_id = id, .type = i == 100 ? "needle" : "hay", .at = at(i)});
    }
    tell(events);
    const JobFilter filter{.queue = "default.email", .text = "needle"};
    std::string cursor;
    std::vector<std::string> found;
    int pages = 0;
    do {
        const JobPage page = must(view_->list(filter, cursor, 10));
        for (const std::string& id : ids_of(page)) found.push_back(id);
        cursor = page.cursor;
        ++pages;
    } while (!cursor.empty());
    EXPECT_THAT(found, ElementsAre("job-100"));
    EXPECT_EQ(pages, 3);  // of 4,000 jobs each
}

TEST_P(ListTest, C5_what_list_did_not_make_is_no_cursor) {
    tell_job(JobState::waiting, "a", 1);
    for (const char* cursor : {"x", "'; DROP TABLE jobs; --", "e30", "eyJhdCI6MX0"}) {
        const auto page = view_->list({}, cursor, 10);
        ASSERT_FALSE(page) << cursor;
        EXPECT_EQ(page.error().code, Error::Code::invalid);
    }
}

}  // namespace
}  // namespace drover::gateway::test
