#include "src/jobqueue/lifecycle_event.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr std::size_t limit = 1000;
const Time now = *parse_rfc3339("2026-11-23T10:00:00.123Z");

std::string written(const LifecycleEvent& event, std::size_t max_result_bytes = limit) {
    std::string out = "what was there before";
    write_lifecycle_event(event, max_result_bytes, out);
    return out;
}

LifecycleEvent completed(std::string_view result, std::string_view content_type = "") {
    return {.queue = "default.email",
            .job_id = "id-1",
            .state = JobEvent::completed,
            .at = now,
            .result = result,
            .content_type = content_type};
}

TEST(LifecycleEvent, C3_is_one_json_object_of_what_there_is_to_say) {
    EXPECT_EQ(written({.queue = "default.email",
                       .job_id = "id-1",
                       .type = "send",
                       .state = JobEvent::retrying,
                       .run = 1,
                       .attempt = 2,
                       .max_attempts = 3,
                       .at = now,
                       .pod = "email-0",
                       .error_class = "Http503",
                       .error_status = 503,
                       .error_message = "\"busy\"",
                       .due_at = now + 2s + 1us,
                       .submitted_at = now - 1s,
                       .topic = "default.email",
                       .partition = 3,
                       .offset = 17,
                       .labels = R"({"user": "ada"})",
                       .busy = 1500us,
                       .callback = "https://shop.example/done?id=1"}),
              R"({"jobId":"id-1","queue":"default.email","type":"send","state":"retrying","run":1,"attempt":2,)"
              R"("maxAttempts":3,"at":"2026-11-23T10:00:00.123Z","pod":"email-0",)"
              R"("cause":{"class":"Http503","status":503,"message":"\"busy\""},"dueAt":"2026-11-23T10:00:02.124Z",)"
              R"("submittedAt":"2026-11-23T09:59:59.123Z","topic":"default.email","partition":3,"offset":17,)"
              R"("labels":{"user": "ada"},"busyMicros":1500,"callback":"https://shop.example/done?id=1"})");
    EXPECT_EQ(written({.queue = "a.b",
                       .job_id = "j",
                       .state = JobEvent::log,
                       .at = now,
                       .percent = 0,
                       .step = "s",
                       .message = "one\ntwo",
                       .level = "warn",
                       .lines_left_out = 4}),
              R"({"jobId":"j","queue":"a.b","state":"log","run":0,"attempt":0,"at":"2026-11-23T10:00:00.123Z",)"
              R"("percent":0,"step":"s","message":"one\ntwo","level":"warn","linesLeftOut":4})");
}

TEST(LifecycleEvent, C2_a_result_is_embedded_where_it_is_json) {
    EXPECT_EQ(json::parse(written(completed("{\"n\":1}")))["result"], (json{{"n", 1}}));
    EXPECT_EQ(json::parse(written(completed("null", "text/json")))["result"], nullptr);
    const json text = json::parse(written(completed("{\"n\":1}", "text/plain")));
    EXPECT_EQ(text["resultText"], "{\"n\":1}");
    EXPECT_EQ(text["contentType"], "text/plain");
    EXPECT_EQ(json::parse(written(completed("{", "application/json")))["resultText"], "{");
    EXPECT_EQ(json::parse(written(completed("\x01\xFF")))["resultBase64"], "Af8=");
}

TEST(LifecycleEvent, C2_a_result_as_deep_as_may_be_leaves_the_event_readable) {
    for (const int depth : {59, 60, 100'000}) {
        const std::string deep =
            std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']');
        const std::string text = written(completed(deep), 1'000'000);
        EXPECT_EQ(text.find("resultText") == std::string::npos, depth == 59);
        std::string storage;
        const auto read = parse_lifecycle_event(text, storage);
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(read->result, deep);
    }
}

TEST(LifecycleEvent, C2_a_result_over_the_limit_is_left_out_and_its_size_told) {
    std::string storage;
    EXPECT_EQ(parse_lifecycle_event(written(completed("1234"), 4), storage)->result, "1234");
    const std::string text = written(completed("12345", "text/plain"), 4);
    const auto read = parse_lifecycle_event(text, storage);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->result, "");
    EXPECT_EQ(read->result_left_out, 5U);
    EXPECT_EQ(read->content_type, "text/plain");
}

TEST(LifecycleEvent, labels_that_are_no_object_stay_text) {
    for (const char* labels : {"user=ada", "{", "[1]", "\"x\""}) {
        LifecycleEvent event = completed("");
        event.labels = labels;
        std::string storage;
        const std::string text = written(event);
        EXPECT_EQ(json::parse(text)["labels"], labels);
        EXPECT_EQ(parse_lifecycle_event(text, storage)->labels, labels);
    }
}

TEST(LifecycleEvent, is_written_where_there_was_room) {
    std::string out;
    out.reserve(1000);
    const char* place = out.data();
    write_lifecycle_event(completed("\xFF"), limit, out);
    EXPECT_EQ(out.data(), place);
}

TEST(LifecycleEvent, what_is_none_is_an_error_that_names_the_field) {
    const std::string good = written(completed("1"));
    std::string storage;
    ASSERT_TRUE(parse_lifecycle_event(good, storage));
    const auto problem = [](const json& event) {
        std::string buffer;
        const std::string text = event.dump();
        const auto read = parse_lifecycle_event(text, buffer);
        EXPECT_FALSE(read) << text;
        return read ? "" : read.error().message;
    };
    for (const char* name : {"jobId", "queue", "state", "at"}) {
        json event = json::parse(good);
        event.erase(name);
        EXPECT_THAT(problem(event), HasSubstr(name));
    }
    const std::vector<std::pair<std::string, json>> wrong{{"state", "lost"},
                                                          {"state", 1},
                                                          {"at", "now"},
                                                          {"run", -1},
                                                          {"run", 1.5},
                                                          {"attempt", 3'000'000'000},
                                                          {"percent", 101},
                                                          {"cause", "Http503"},
                                                          {"cause", json{{"status", 503}}},
                                                          {"jobId", ""},
                                                          {"dueAt", nullptr},
                                                          {"resultBase64", "A"},
                                                          {"labels", json::array()},
                                                          {"busyMicros", "1"},
                                                          {"contentType", 1}};
    for (const auto& [name, value] : wrong) {
        json event = json::parse(good);
        event[name] = value;
        EXPECT_THAT(problem(event), HasSubstr(name));
    }
    for (const char* text : {"", "null", "[]", "{"}) EXPECT_FALSE(parse_lifecycle_event(text, storage)) << text;
    json later = json::parse(good);
    later["more"] = json::array();
    EXPECT_TRUE(parse_lifecycle_event(later.dump(), storage)) << "a later version's fields are passed over";
}

TEST(LifecycleEvent, C3_states_have_names_and_an_order_of_their_own) {
    std::set<int> ranks;
    std::set<std::string_view> names;
    for (int i = 0; i < 11; ++i) {
        ranks.insert(rank(static_cast<JobEvent>(i)));
        names.insert(job_event_name(static_cast<JobEvent>(i)));
    }
    EXPECT_EQ(ranks.size(), 11U);
    EXPECT_EQ(names.size(), 11U);
    const JobEvent life[] = {JobEvent::log,       JobEvent::submitted,  JobEvent::delayed,  JobEvent::waiting,
                             JobEvent::started,   JobEvent::progressed, JobEvent::retrying, JobEvent::failed,
                             JobEvent::cancelled, JobEvent::completed,  JobEvent::removed};
    EXPECT_TRUE(std::ranges::is_sorted(life, {}, rank));
    EXPECT_EQ(job_event_name(JobEvent::cancelled), "cancelled");
}

RC_GTEST_PROP(LifecycleEvent, C3_what_was_written_reads_as_the_same,
              (const std::string& bytes, const std::string& name, const std::string& words)) {
    const std::string text = clean_text(words, 3 * words.size()), id = "i" + clean_text(name, 3 * name.size());
    const auto count = [] { return *rc::gen::inRange(0, 1'000'000); };
    const auto time = [] { return now + std::chrono::milliseconds(*rc::gen::arbitrary<int>()); };
    const bool has_cause = *rc::gen::arbitrary<bool>(), has_record = *rc::gen::arbitrary<bool>();
    const std::string labels = json{{"user", text}}.dump();
    LifecycleEvent event{
        .queue = id,
        .job_id = id,
        .type = text,
        .state = static_cast<JobEvent>(*rc::gen::inRange(0, 11)),
        .run = count(),
        .attempt = count(),
        .max_attempts = count(),
        .at = time(),
        .pod = text,
        .error_class = has_cause ? std::string_view(id) : "",
        .error_status = has_cause ? count() : 0,
        .error_message = has_cause ? std::string_view(text) : "",
        .step = text,
        .message = text,
        .level = text,
        .lines_left_out = static_cast<std::uint64_t>(count()),
        .result = *rc::gen::element<std::string_view>(bytes, text, "[1, 2]", "", "\"\\u00e4\""),
        .content_type = *rc::gen::element<std::string_view>("", "application/json", "text/plain", text),
        .topic = has_record ? std::string_view(id) : "",
        .partition = has_record ? count() : 0,
        .offset = has_record ? std::int64_t{1} << *rc::gen::inRange(0, 62) : 0,
        .labels = *rc::gen::element<std::string_view>("", text, labels)};
    if (*rc::gen::arbitrary<bool>()) event.percent = *rc::gen::inRange(0, 101);
    if (*rc::gen::arbitrary<bool>()) event.due_at = time();
    if (*rc::gen::arbitrary<bool>()) event.submitted_at = time();
    if (*rc::gen::arbitrary<bool>()) event.busy = Duration(count());
    if (*rc::gen::arbitrary<bool>()) event.callback = text;

    const std::string json_text = written(event, 100'000);
    RC_ASSERT(json_fault(json_text).empty());
    std::string storage;
    const auto read = parse_lifecycle_event(json_text, storage);
    RC_ASSERT(read.has_value());
    // A result that is JSON loses the white space around it, which means nothing.
    if (read->result != event.result) {
        RC_ASSERT(json_fault(event.result).empty());
        event.result = read_json(event.result)->text();
    }
    RC_ASSERT(*read == event);
}

}  // namespace
}  // namespace drover::jobqueue
