#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "src/jobqueue/job.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Fields = std::vector<FieldView>;

const Time stood = *parse_rfc3339("2026-11-23T00:00:00.250Z");
const Time failed = *parse_rfc3339("2026-11-23T00:00:05.000Z");
const Time due = *parse_rfc3339("2026-11-23T00:00:07.000Z");
const Origin record{"email", 3, 42, stood};
const Cause cause{"Http500", "answered 500", 500, "oops"};
const AttemptRecord attempt{1, failed, "pod-1", "Http500"};
constexpr std::size_t max_causes = 16 * 1024;

Fields views(const std::vector<Field>& fields) {
    Fields result;
    for (const auto& field : fields) result.push_back({field.name, field.value});
    return result;
}

std::string value(const std::vector<Field>& fields, std::string_view name) {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [name](const Field& field) { return field.name == name; });
    return found == fields.end() ? "(none)" : found->value;
}

std::vector<Field> retry(const Fields& fields, int attempts_made = 1, const Cause& why = cause,
                         const AttemptRecord* made = &attempt) {
    const auto job = parse_job_headers(fields);
    return retry_headers(fields, job.value_or(JobHeaders{}), record, "j-1", attempts_made, due, why, made);
}

std::vector<Field> dead(const Fields& fields, int attempts_made = 1, const Cause& why = cause,
                        const AttemptRecord* made = &attempt) {
    const auto job = parse_job_headers(fields);
    return dead_letter_headers(fields, job.value_or(JobHeaders{}), record, "j-1", "drover.default.email", attempts_made,
                               failed, why, made);
}

std::size_t causes_size(const std::vector<Field>& fields) {
    std::size_t size = 0;
    for (const auto& field : fields)
        for (const auto name : {header::attempts, header::error_class, header::error_status, header::error_message,
                                header::error_response, header::dlq_message})
            if (field.name == name) size += field.value.size();
    return size;
}

TEST(RetryRecord, A5_carries_the_attempts_and_the_due_time) {
    const auto fields = retry({});
    EXPECT_EQ(value(fields, "drover-attempt"), "1");
    EXPECT_EQ(value(fields, "drover-due-at"), "2026-11-23T00:00:07.000Z");
    EXPECT_EQ(value(fields, "drover-job-id"), "j-1");
    EXPECT_EQ(value(fields, "drover-error-class"), "Http500");
    EXPECT_EQ(value(fields, "drover-error-message"), "answered 500");
    EXPECT_EQ(json::parse(value(fields, "drover-attempts")),
              json::parse(R"([{"attempt":1,"at":"2026-11-23T00:00:05.000Z","pod":"pod-1","outcome":"Http500"}])"));
}

TEST(RetryRecord, carries_where_the_job_first_stood_through_any_number_of_retries) {
    const auto once = retry({});
    EXPECT_EQ(value(once, "drover-original-topic"), "email");
    EXPECT_EQ(value(once, "drover-original-partition"), "3");
    EXPECT_EQ(value(once, "drover-original-offset"), "42");
    EXPECT_EQ(value(once, "drover-original-timestamp"), "2026-11-23T00:00:00.250Z");
    const auto job = parse_job_headers(views(once));
    ASSERT_TRUE(job);
    const Origin elsewhere{"email.retry.2s", 0, 7, due};
    const auto twice = retry_headers(views(once), *job, elsewhere, "j-1", 2, due, cause, &attempt);
    for (const char* name :
         {"drover-original-topic", "drover-original-partition", "drover-original-offset", "drover-original-timestamp"})
        EXPECT_EQ(value(twice, name), value(once, name));
}

TEST(RetryRecord, keeps_the_users_headers_in_order_and_untouched) {
    const Fields fields{{"a", "1"}, {"drover-attempt", "0"}, {"b", "\r\n\xFF"}, {"a", "2"}, {"", ""}, {"ce_id", "7"}};
    const auto carried = retry(fields);
    std::vector<Field> users;
    std::copy_if(carried.begin(), carried.end(), std::back_inserter(users),
                 [](const Field& field) { return !is_drover_header(field.name); });
    EXPECT_EQ(users, (std::vector<Field>{{"a", "1"}, {"b", "\r\n\xFF"}, {"a", "2"}, {"", ""}, {"ce_id", "7"}}));
}

TEST(RetryRecord, keeps_what_Drover_knows_of_the_job) {
    const auto fields = retry({{"drover-type", "send"},
                               {"drover-run", "1"},
                               {"drover-timeout", "5s"},
                               {"drover-labels", "{}"},
                               {"drover-callback", "http://x"}});
    EXPECT_EQ(value(fields, "drover-type"), "send");
    EXPECT_EQ(value(fields, "drover-run"), "1");
    EXPECT_EQ(value(fields, "drover-timeout"), "5s");
    EXPECT_EQ(value(fields, "drover-labels"), "{}");
    EXPECT_EQ(value(fields, "drover-callback"), "http://x");
}

TEST(RetryRecord, states_each_thing_once) {
    const auto twice =
        retry(views(retry({{"drover-attempt", "1"}, {"drover-attempt", "2"}, {"drover-error-class", "Old"}})), 2);
    for (const auto& field : twice)
        EXPECT_EQ(
            std::count_if(twice.begin(), twice.end(), [&](const Field& other) { return other.name == field.name; }), 1)
            << field.name;
    EXPECT_EQ(value(twice, "drover-error-class"), "Http500");
}

TEST(DeadLetter, A6_carries_the_whole_cause_by_Kafkas_names) {
    const auto fields = dead({}, 3);
    EXPECT_EQ(value(fields, "__dlq.errors.topic"), "email");
    EXPECT_EQ(value(fields, "__dlq.errors.partition"), "3");
    EXPECT_EQ(value(fields, "__dlq.errors.offset"), "42");
    EXPECT_EQ(value(fields, "__dlq.errors.group"), "drover.default.email");
    EXPECT_EQ(value(fields, "__dlq.errors.delivery.count"), "3");
    EXPECT_EQ(value(fields, "__dlq.errors.message"), "answered 500");
    EXPECT_EQ(value(fields, "drover-error-class"), "Http500");
    EXPECT_EQ(value(fields, "drover-error-status"), "500");
    EXPECT_EQ(value(fields, "drover-error-response"), "oops");
    EXPECT_EQ(value(fields, "drover-failed-at"), "2026-11-23T00:00:05.000Z");
    EXPECT_EQ(value(fields, "drover-original-timestamp"), "2026-11-23T00:00:00.250Z");
    EXPECT_EQ(json::parse(value(fields, "drover-attempts")).size(), 1u);
}

TEST(DeadLetter, A6_of_a_retry_names_where_the_job_first_stood_and_lists_all_attempts) {
    const auto once = retry({});
    const auto job = parse_job_headers(views(once));
    ASSERT_TRUE(job);
    const AttemptRecord second{2, due, "pod-2", "Timeout"};
    const auto fields =
        dead_letter_headers(views(once), *job, {"email.retry.2s", 0, 7, due}, "j-1", "g", 2, failed, cause, &second);
    EXPECT_EQ(value(fields, "__dlq.errors.topic"), "email");
    EXPECT_EQ(value(fields, "__dlq.errors.offset"), "42");
    const auto list = json::parse(value(fields, "drover-attempts"));
    ASSERT_EQ(list.size(), 2u);
    EXPECT_EQ(list[0]["pod"], "pod-1");
    EXPECT_EQ(list[1]["outcome"], "Timeout");
    EXPECT_EQ(value(fields, "drover-due-at"), "(none)");
    EXPECT_EQ(value(fields, "drover-error-message"), "(none)");
}

TEST(DeadLetter, A6_has_what_a_redrive_needs) {
    const auto fields = dead({{"drover-type", "send"}, {"drover-run", "4"}}, 2);
    EXPECT_EQ(value(fields, "drover-job-id"), "j-1");
    EXPECT_EQ(value(fields, "drover-type"), "send");
    EXPECT_EQ(value(fields, "drover-run"), "4");
    EXPECT_EQ(value(fields, "drover-attempt"), "2");
    EXPECT_EQ(value(dead({}), "drover-run"), "0");
}

TEST(DeadLetter, A17_of_a_malformed_record_needs_no_attempt) {
    const auto fields = dead({{"drover-due-at", "garbage"}, {"drover-deadline", "never"}}, 0,
                             {"InvalidHeader", "header drover-due-at", 0, ""}, nullptr);
    EXPECT_EQ(value(fields, "drover-attempts"), "(none)");
    EXPECT_EQ(value(fields, "drover-error-status"), "(none)");
    EXPECT_EQ(value(fields, "drover-deadline"), "never") << "evidence is kept";
    EXPECT_EQ(value(fields, "__dlq.errors.delivery.count"), "0");
}

TEST(DeadLetter, A6_the_message_is_one_line_of_UTF_8) {
    const auto fields = dead({}, 1, {"Http\r\n500", "a\r\nb\xFF", 500, "line\nline\xFF"});
    EXPECT_EQ(value(fields, "__dlq.errors.message"), "a  b\xEF\xBF\xBD");
    EXPECT_EQ(value(fields, "drover-error-class"), "Http  500");
    EXPECT_EQ(value(fields, "drover-error-response"), "line\nline\xEF\xBF\xBD");
}

TEST(DeadLetter, A6_a_list_of_attempts_that_is_none_starts_anew) {
    for (const char* garbage : {"x", "{}", "[1]", "[{}]", "null", R"([{"attempt":1,"at":"x","pod":"p","outcome":5}])",
                                R"([{"attempt":"1","at":"x","pod":"p","outcome":"o"}])",
                                R"([{"attempt":1,"at":"x","pod":"p","outcome":"o","more":1}])", "[[[["})
        EXPECT_EQ(json::parse(value(dead({{"drover-attempts", garbage}}), "drover-attempts")).size(), 1u) << garbage;
}

TEST(DeadLetter, A6_the_newest_fifty_attempts_are_kept) {
    std::vector<Field> fields;
    for (int i = 1; i <= 60; ++i) {
        const AttemptRecord made{i, failed, "p", "E"};
        fields = dead(views(fields), i, cause, &made);
    }
    const auto list = json::parse(value(fields, "drover-attempts"));
    ASSERT_EQ(list.size(), 50u);
    EXPECT_EQ(list.front()["attempt"], 11);
    EXPECT_EQ(list.back()["attempt"], 60);
}

TEST(DeadLetter, A6_causes_of_any_length_take_at_most_16_KiB) {
    const std::string huge(10 << 20, 'x');
    std::vector<Field> fields;
    for (int i = 1; i <= 60; ++i) {
        const AttemptRecord made{i, failed, std::string(1000, '"'), std::string(1000, '\\')};
        fields = dead(views(fields), i, {huge, huge, 500, huge}, &made);
        ASSERT_LE(causes_size(fields), max_causes);
    }
    EXPECT_GT(causes_size(fields), max_causes - 8) << "what room there is, is used";
    EXPECT_LE(value(fields, "drover-attempts").size(), 8u * 1024);
    EXPECT_EQ(json::parse(value(fields, "drover-attempts")).back()["attempt"], 60);
}

RC_GTEST_PROP(OnwardRecord, A6_any_causes_and_headers_give_readable_records, ()) {
    const auto users = *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(
        rc::gen::pair(rc::gen::arbitrary<std::string>(), rc::gen::arbitrary<std::string>()));
    Fields fields;
    for (const auto& [name, text] : users) fields.push_back({name, text});
    const auto attempts = *rc::gen::arbitrary<std::string>();
    fields.push_back({header::attempts, attempts});
    const Cause why{*rc::gen::arbitrary<std::string>(), *rc::gen::arbitrary<std::string>(), *rc::gen::inRange(0, 600),
                    *rc::gen::arbitrary<std::string>()};
    const AttemptRecord made{*rc::gen::inRange(1, 100), failed, *rc::gen::arbitrary<std::string>(),
                             *rc::gen::arbitrary<std::string>()};
    for (const auto& carried : {retry(fields, 1, why, &made), dead(fields, 1, why, &made)}) {
        const auto job = parse_job_headers(views(carried));
        RC_ASSERT(job.has_value());
        RC_ASSERT(job->id == "j-1");
        RC_ASSERT(job->attempts_made == 1);
        RC_ASSERT((job->original.has_value() && job->original->offset == record.offset));
        RC_ASSERT(json::parse(job->attempts).size() >= 1u);
        RC_ASSERT(causes_size(carried) <= max_causes);
        for (const auto name : {header::error_class, header::error_message, header::error_response, header::dlq_message,
                                header::attempts})
            RC_ASSERT(!find_invalid_utf8(value(carried, name)));
    }
}

const Time later = due + 1h;

std::vector<Field> redriven(const std::vector<Field>& letter, int run = 1, Time now = later) {
    return redrive_headers(views(letter), "j-1", run, now);
}

TEST(RedrivenRecord, C7_is_the_same_job_in_its_next_run_without_an_attempt) {
    const auto fields =
        redriven(dead({{"drover-type", "send"}, {"drover-priority", "high"}, {"drover-timeout", "5s"}}, 3));
    EXPECT_EQ(value(fields, "drover-job-id"), "j-1");
    EXPECT_EQ(value(fields, "drover-run"), "1");
    EXPECT_EQ(value(fields, "drover-type"), "send");
    EXPECT_EQ(value(fields, "drover-priority"), "high");
    EXPECT_EQ(value(fields, "drover-timeout"), "5s");
    const auto job = parse_job_headers(views(fields));
    ASSERT_TRUE(job);
    EXPECT_EQ(job->attempts_made, 0);
    EXPECT_FALSE(job->due_at || job->original);
}

TEST(RedrivenRecord, C7_has_nothing_of_the_failure) {
    for (const Field& field : redriven(dead(views(retry({{"a", "1"}})), 2))) {
        EXPECT_FALSE(field.name.starts_with("__dlq.")) << field.name;
        EXPECT_FALSE(field.name.starts_with("drover-error")) << field.name;
        EXPECT_FALSE(field.name.starts_with("drover-original")) << field.name;
        EXPECT_NE(field.name, "drover-attempt");
        EXPECT_NE(field.name, "drover-attempts");
        EXPECT_NE(field.name, "drover-failed-at");
        EXPECT_NE(field.name, "drover-due-at");
    }
}

TEST(RedrivenRecord, C7_keeps_a_deadline_that_is_to_come_and_drops_one_that_is_over) {
    const auto letter = dead({{"drover-deadline", "2026-11-23T12:00:00Z"}});
    EXPECT_EQ(value(redriven(letter, 1, later), "drover-deadline"), "2026-11-23T12:00:00Z");
    EXPECT_EQ(value(redriven(letter, 1, later + 24h), "drover-deadline"), "(none)");
}

TEST(RedrivenRecord, C7_drops_headers_that_cannot_be_read_since_the_job_died_of_them) {
    const Fields bad{{"drover-timeout", "soon"},       {"drover-run", "many"},           {"content-type", "a\nb"},
                     {"drover-original-offset", "-1"}, {"drover-labels", "not checked"}, {"colour", "\xFF"}};
    ASSERT_FALSE(parse_job_headers(bad));
    EXPECT_EQ(
        redriven(dead(bad)),
        (std::vector<Field>{
            {"drover-labels", "not checked"}, {"colour", "\xFF"}, {"drover-job-id", "j-1"}, {"drover-run", "1"}}));
}

TEST(RedrivenRecord, of_the_headers_that_can_be_read_nothing_is_lost_to_the_others) {
    const Fields fields{{"drover-original-topic", "email"}, {"drover-original-partition", "3"},
                        {"drover-original-offset", "42"},   {"drover-type", "send"},
                        {"drover-timeout", "soon"},         {"drover-run", "2"}};
    const JobHeaders job = readable_job_headers(fields);
    EXPECT_EQ(job.type, "send");
    EXPECT_EQ(job.run, 2);
    EXPECT_FALSE(job.timeout);
    ASSERT_TRUE(job.original);
    EXPECT_EQ(job.original->offset, 42);
    Fields without = fields;
    without[2].value = "none";
    EXPECT_FALSE(readable_job_headers(without).original);
    EXPECT_EQ(readable_job_headers(without).type, "send");
}

RC_GTEST_PROP(RedrivenRecord, C7_whatever_a_dead_letter_holds_its_redrive_can_be_read_and_keeps_what_is_the_users, ()) {
    static const std::vector<std::string> names{
        "drover-job-id",   "drover-attempt",         "drover-due-at",   "drover-timeout",     "drover-original-topic",
        "drover-deadline", "drover-original-offset", "drover-priority", "drover-error-class", "__dlq.errors.message"};
    const auto pairs = *rc::gen::container<std::vector<std::pair<std::string, std::string>>>(
        rc::gen::pair(rc::gen::oneOf(rc::gen::elementOf(names), rc::gen::arbitrary<std::string>()),
                      rc::gen::arbitrary<std::string>()));
    Fields fields;
    for (const auto& [name, text] : pairs) fields.push_back({name, text});
    const int run = *rc::gen::inRange(0, 100);
    const auto once = redrive_headers(fields, "j-1", run, later);
    const auto job = parse_job_headers(views(once));
    RC_ASSERT(job.has_value());
    RC_ASSERT(job->id == "j-1");
    RC_ASSERT(job->run == run);
    RC_ASSERT(job->attempts_made == 0);
    const auto users = [](const Fields& all) {
        std::vector<std::pair<std::string, std::string>> kept;
        for (const auto& field : all)
            if (!is_drover_header(field.name) && field.name != header::content_type)
                kept.emplace_back(field.name, field.value);
        return kept;
    };
    RC_ASSERT(users(views(once)) == users(fields));
    RC_ASSERT(redrive_headers(views(once), "j-1", run, later) == once);
}

}  // namespace
}  // namespace drover::jobqueue
