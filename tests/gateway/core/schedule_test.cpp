#include "gateway/core/schedule.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

constexpr std::string_view body =
    R"({"cron":"0 9 * * mon-fri","timeZone":"Europe/Berlin","job":{"type":"report","payload":{"n":1.10}}})";

std::string problem(std::string_view text, std::string_view name = "nightly") {
    const Result<Schedule> schedule = parse_schedule("shop.email", name, text);
    EXPECT_FALSE(schedule) << text;
    return schedule ? "" : schedule.error().message;
}

KnownSchedule known(Schedule schedule, Time told_at) {
    ScheduleBook book;
    const ScheduleMessage message = schedule_message(schedule);
    const Result<void> applied = book.apply(message.key, message.value, told_at);
    EXPECT_TRUE(applied) << applied.error().message;
    return *book.find(schedule.queue, schedule.name);
}

Schedule hourly(MissedRuns missed = MissedRuns::run_once) {
    Schedule schedule = parse_schedule("shop.email", "hourly", R"({"cron":"@hourly","job":{"payload":1}})").value();
    schedule.missed_runs = missed;
    return schedule;
}

std::vector<std::string> texts(const std::vector<Time>& times) {
    std::vector<std::string> out;
    for (const Time time : times) out.push_back(format_rfc3339(time).substr(0, 16));
    return out;
}

using Texts = std::vector<std::string>;

TEST(Schedule, C9_is_read_and_written_and_its_payload_stays_as_it_was) {
    Schedule schedule = parse_schedule("shop.email", "nightly", body).value();
    EXPECT_EQ(schedule.cron, "0 9 * * mon-fri");
    EXPECT_EQ(schedule.time_zone, "Europe/Berlin");
    EXPECT_EQ(schedule.missed_runs, MissedRuns::run_once);
    EXPECT_EQ(schedule.job, R"({"type":"report","payload":{"n":1.10}})");
    schedule.by = "somebody";
    schedule.at = at("2026-01-01T00:00:00Z");
    const ScheduleMessage message = schedule_message(schedule);
    EXPECT_EQ(message.key, "schedule/shop.email/nightly");
    ScheduleBook book;
    ASSERT_TRUE(book.apply(message.key, message.value, at("2026-01-01T00:00:01Z")));
    const KnownSchedule* found = book.find("shop.email", "nightly");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->schedule, schedule);
    EXPECT_EQ(found->job.payload, R"({"n":1.10})");
    // What was answered may be sent again; who and when is not the sender's to say.
    const Result<Schedule> again = parse_schedule("shop.email", "nightly", schedule_json(schedule));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->by, "");
}

TEST(Schedule, C9_each_problem_names_its_field) {
    EXPECT_EQ(problem("{}"), "cron is missing; job is missing");
    EXPECT_EQ(problem("[]"), "the body must be a JSON object");
    EXPECT_EQ(
        problem(R"({"cron":"0 24 * * *","timeZone":"Mars","missedRuns":"all","catchUpLimit":0,"paused":1,"extra":1,
                         "job":{"payload":1,"delay":"1s","deadline":"2030-01-01T00:00:00Z","uniqueKey":"k"}})"),
        "cron: hour: 24 is not from 0 to 23; timeZone must be an IANA time zone such as UTC or Europe/Berlin; "
        "missedRuns must be runOnce, skip or catchUp; catchUpLimit must be a whole number from 1 to 1000; paused "
        "must be true or false; extra is not a field of a schedule; job.delay has no meaning in a schedule; "
        "job.deadline would be over after the first run; job.uniqueKey has no meaning in a schedule");
    EXPECT_EQ(problem(R"({"cron":"@daily","job":{"priority":"urgent"}})"),
              "job: priority must be critical, high, normal, low or background; payload is missing");
    EXPECT_EQ(problem(R"({"cron":null,"job":7})"),
              "cron must not be null; job: the body must be a JSON object; cron is missing");
    EXPECT_EQ(problem(body, "No Name"),
              "name must be 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends");
    EXPECT_EQ(problem(R"({"queue":"other.queue","cron":"@daily","job":{"payload":1}})"),
              "queue is not the one of the path");
}

TEST(Schedule, C9_the_state_of_its_runs_is_read_and_written) {
    const ScheduleRun run{.rule = "* * * * *; UTC",
                          .since = at("2026-01-01T00:00:00.5Z"),
                          .last_planned = at("2026-01-01T00:00:00Z"),
                          .last_at = at("2026-01-01T00:00:00.25Z"),
                          .last_job_id = "id",
                          .runs = 7};
    EXPECT_EQ(parse_schedule_run(schedule_run_json(run)).value(), run);
    EXPECT_EQ(parse_schedule_run("{}").error().message, "since is missing or no time");
    EXPECT_FALSE(parse_schedule_run("x"));
}

TEST(ScheduleBook, C9_has_what_the_records_say_last) {
    ScheduleBook book;
    for (const char* name : {"b", "a"}) {
        Schedule schedule = hourly();
        schedule.name = name;
        const ScheduleMessage message = schedule_message(schedule);
        ASSERT_TRUE(book.apply(message.key, message.value, Time{}));
    }
    Schedule other = hourly();
    other.queue = "shop.email2";
    ASSERT_TRUE(book.apply(schedule_message(other).key, schedule_message(other).value, Time{}));
    ASSERT_EQ(book.of_queue("shop.email").size(), 2U);
    EXPECT_EQ(book.of_queue("shop.email")[0]->schedule.name, "a");
    ASSERT_TRUE(book.apply("schedule-run/shop.email/a", schedule_run_json({.since = Time{}, .runs = 3}), Time{}));
    EXPECT_EQ(book.run_of("shop.email", "a")->runs, 3);
    const ScheduleMessage removal = schedule_removal("shop.email", "a");
    ASSERT_TRUE(book.apply(removal.key, removal.value, Time{}));
    EXPECT_EQ(book.find("shop.email", "a"), nullptr);
    EXPECT_FALSE(book.apply("schedule/shop.email/b", "{}", Time{}));  // what was known stays
    EXPECT_NE(book.find("shop.email", "b"), nullptr);
    EXPECT_FALSE(book.apply("schedule/", "{}", Time{}));
    EXPECT_FALSE(book.apply("queue/a.b", "{}", Time{}));
    EXPECT_EQ(texts(next_runs(*book.find("shop.email", "b"), at("2026-01-01T00:30:00Z"), 2)),
              Texts({"2026-01-01T01:00", "2026-01-01T02:00"}));
}

TEST(DueRuns, C9_begin_with_the_time_at_which_the_broker_was_told) {
    const KnownSchedule schedule = known(hourly(), at("2026-01-01T10:30:00Z"));
    const DueRuns first = due_runs(schedule, std::nullopt, at("2026-01-01T10:30:05Z"));
    EXPECT_TRUE(first.planned.empty());
    EXPECT_TRUE(first.changed);  // a new one is noted, so that another upsert does not move its beginning
    EXPECT_EQ(first.again, at("2026-01-01T11:00:00Z"));
    const DueRuns second = due_runs(schedule, first.run, at("2026-01-01T11:00:00.2Z"));
    EXPECT_EQ(texts(second.planned), Texts({"2026-01-01T11:00"}));
    EXPECT_EQ(second.run.last_job_id, schedule_job_id("shop.email", "hourly", at("2026-01-01T11:00:00Z")));
    const DueRuns third = due_runs(schedule, second.run, at("2026-01-01T11:00:00.3Z"));
    EXPECT_TRUE(third.planned.empty());
    EXPECT_FALSE(third.changed);
}

TEST(DueRuns, C9_the_same_upsert_again_loses_no_run_and_a_new_rule_begins_anew) {
    const DueRuns first =
        due_runs(known(hourly(), at("2026-01-01T10:30:00Z")), std::nullopt, at("2026-01-01T10:30:05Z"));
    const KnownSchedule again = known(hourly(), at("2026-01-01T11:00:01Z"));
    EXPECT_EQ(texts(due_runs(again, first.run, at("2026-01-01T11:00:02Z")).planned), Texts({"2026-01-01T11:00"}));
    Schedule changed = hourly();
    changed.cron = "0 */1 * * *";
    const DueRuns other = due_runs(known(changed, at("2026-01-01T11:00:01Z")), first.run, at("2026-01-01T11:00:02Z"));
    EXPECT_TRUE(other.planned.empty());
    EXPECT_EQ(other.again, at("2026-01-01T12:00:00Z"));
}

TEST(DueRuns, C9_a_run_that_starts_within_a_minute_was_not_missed) {
    const ScheduleRun run{.rule = rule_of(hourly()), .since = at("2026-01-01T10:00:00Z")};
    const KnownSchedule skip = known(hourly(MissedRuns::skip), at("2026-01-01T09:00:00Z"));
    EXPECT_EQ(texts(due_runs(skip, run, at("2026-01-01T11:00:59Z")).planned), Texts({"2026-01-01T11:00"}));
    const DueRuns late = due_runs(skip, run, at("2026-01-01T11:01:01Z"));
    EXPECT_TRUE(late.planned.empty());
    EXPECT_TRUE(late.changed);
    EXPECT_EQ(late.again, at("2026-01-01T12:00:00Z"));
}

TEST(DueRuns, C9_after_a_downtime_by_its_policy) {
    const ScheduleRun run{.rule = rule_of(hourly()), .since = at("2026-01-01T10:00:00Z")};
    const auto planned = [&](MissedRuns policy, std::string_view now, int limit = 100) {
        Schedule schedule = hourly(policy);
        schedule.catch_up_limit = limit;
        return texts(due_runs(known(schedule, at("2026-01-01T09:00:00Z")), run, at(now)).planned);
    };
    EXPECT_EQ(planned(MissedRuns::run_once, "2026-01-01T13:30:00Z"), Texts({"2026-01-01T13:00"}));
    EXPECT_EQ(planned(MissedRuns::run_once, "2026-01-01T14:00:30Z"), Texts({"2026-01-01T14:00"}));
    EXPECT_EQ(planned(MissedRuns::skip, "2026-01-01T13:30:00Z"), Texts({}));
    EXPECT_EQ(planned(MissedRuns::skip, "2026-01-01T14:00:30Z"), Texts({"2026-01-01T14:00"}));
    EXPECT_EQ(planned(MissedRuns::catch_up, "2026-01-01T13:30:00Z"),
              Texts({"2026-01-01T11:00", "2026-01-01T12:00", "2026-01-01T13:00"}));
    EXPECT_EQ(planned(MissedRuns::catch_up, "2026-01-01T14:00:30Z", 2),
              Texts({"2026-01-01T12:00", "2026-01-01T13:00", "2026-01-01T14:00"}));
}

TEST(DueRuns, C9_while_it_is_paused_there_are_none_and_none_are_missed) {
    Schedule schedule = hourly();
    const ScheduleRun run{.rule = rule_of(schedule), .since = at("2026-01-01T10:00:00Z")};
    schedule.paused = true;
    const DueRuns paused = due_runs(known(schedule, at("2026-01-01T10:10:00Z")), run, at("2026-01-01T12:00:00Z"));
    EXPECT_TRUE(paused.planned.empty());
    EXPECT_EQ(paused.again, std::nullopt);
    EXPECT_TRUE(next_runs(known(schedule, Time{}), Time{}, 3).empty());
    schedule.paused = false;
    const DueRuns resumed =
        due_runs(known(schedule, at("2026-01-01T12:30:00Z")), paused.run, at("2026-01-01T12:30:01Z"));
    EXPECT_TRUE(resumed.planned.empty());
    EXPECT_EQ(resumed.again, at("2026-01-01T13:00:00Z"));
}

TEST(DueRuns, C9_daylight_saving_is_the_zones) {
    Schedule schedule = hourly();
    schedule.cron = "30 2 * * *";
    schedule.time_zone = "Europe/Berlin";
    const KnownSchedule berlin = known(schedule, at("2026-03-28T00:00:00Z"));
    ScheduleRun run{.rule = rule_of(schedule), .since = at("2026-03-28T12:00:00Z")};
    const DueRuns spring = due_runs(berlin, run, at("2026-03-29T01:00:01Z"));
    EXPECT_EQ(texts(spring.planned), Texts({"2026-03-29T01:00"}));
    run.since = at("2026-10-24T12:00:00Z");
    const DueRuns autumn = due_runs(berlin, run, at("2026-10-25T00:30:01Z"));
    EXPECT_EQ(texts(autumn.planned), Texts({"2026-10-25T00:30"}));
    EXPECT_TRUE(due_runs(berlin, autumn.run, at("2026-10-25T01:30:01Z")).planned.empty());
}

TEST(DueRuns, C9_the_id_of_a_run_is_the_same_whoever_makes_it) {
    EXPECT_EQ(schedule_job_id("a.b", "c", at("2026-01-01T00:00:00Z")),
              schedule_job_id("a.b", "c", at("2026-01-01T00:00:00Z")));
    EXPECT_NE(schedule_job_id("a.b", "c", at("2026-01-01T00:00:00Z")),
              schedule_job_id("a.b", "c", at("2026-01-01T00:00:01Z")));
    EXPECT_EQ(schedule_job_id("a.b", "c", at("2026-01-01T00:00:00Z"))[14], '5');
    const KnownSchedule schedule = known(hourly(), Time{});
    EXPECT_EQ(job_of(schedule, at("2026-01-01T00:00:00Z")).id,
              schedule_job_id("shop.email", "hourly", at("2026-01-01T00:00:00Z")));
}

// Whenever somebody looks, with gaps below a minute: every planned time once and in order. With longer ones, catching
// up.
RC_GTEST_PROP(DueRuns, C9_no_time_is_left_out_and_none_comes_twice, ()) {
    Schedule schedule = hourly(MissedRuns::catch_up);
    schedule.cron = *rc::gen::element<std::string>("* * * * *", "*/10 * * * * *", "*/7 2,3 * * *", "0 3 * * *");
    schedule.time_zone = *rc::gen::element<std::string>("UTC", "Europe/Berlin");
    schedule.catch_up_limit = 1000;
    const bool gaps = *rc::gen::arbitrary<bool>();
    if (!gaps) schedule.missed_runs = *rc::gen::element(MissedRuns::run_once, MissedRuns::skip, MissedRuns::catch_up);
    const Time begin =
        at(*rc::gen::element<std::string>("2026-03-29T00:20:00Z", "2026-10-24T23:50:00Z", "2026-06-01T00:59:30Z"));
    const KnownSchedule one = known(schedule, begin);
    const int most = *rc::gen::element(1, 3, 1000);
    std::optional<ScheduleRun> run;
    std::vector<Time> seen;
    Time now = begin;
    for (int i = *rc::gen::inRange(1, 40); i > 0; --i) {
        now += std::chrono::milliseconds(*rc::gen::inRange(0, gaps ? 1'000'000 : 55'000));
        DueRuns due;
        do {
            due = due_runs(one, run, now, most);
            RC_ASSERT(due.planned.size() <= static_cast<std::size_t>(most));
            if (due.changed) run = parse_schedule_run(schedule_run_json(due.run)).value();
            seen.insert(seen.end(), due.planned.begin(), due.planned.end());
        } while (due.again && *due.again <= now);
        if (due.again) RC_ASSERT(!cron::is_due_within(one.expression, one.zone, now, *due.again - 1us));
    }
    std::vector<Time> expected;
    for (auto time = cron::next(one.expression, one.zone, begin); time && *time <= now;
         time = cron::next(one.expression, one.zone, *time)) {
        expected.push_back(*time);
    }
    RC_ASSERT(seen == expected);
}

}  // namespace
}  // namespace drover::gateway
