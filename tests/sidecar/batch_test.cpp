#include "sidecar/batch.h"

#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include "src/base/base64.h"
#include "src/jobqueue/json_text.h"
#include "src/jobqueue/utf8.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using Verdict = Outcome::Verdict;

const Time now = *parse_rfc3339("1994-11-06T08:49:00Z");

json written(const std::vector<BatchItem>& items) {
    std::string out = "what was there before";
    write_batch(items, out);
    return json::parse(out);
}

json written(const BatchItem& item) { return written(std::vector{item}).at(0); }

json payload_written(std::string_view payload, std::string_view content_type = "") {
    const json item = written({.id = "id", .content_type = content_type, .payload = payload});
    return item.contains("payload") ? item["payload"] : json{{"base64", item.at("payloadBase64")}};
}

// --- the request

TEST(BatchRequest, A10_is_an_array_of_jobs_in_their_order) {
    const std::vector<FieldView> fields{{"content-type", "application/json"}, {"drover-type", "send"}, {"user", "ada"}};
    const std::vector<BatchItem> items{{.id = "one",
                                        .attempt = 2,
                                        .max_attempts = 3,
                                        .key = "user-7",
                                        .lease = "ab-17",
                                        .type = "send",
                                        .content_type = "application/json",
                                        .deadline = now,
                                        .fields = fields,
                                        .payload = "{ \"to\": [\"ada\"] }"},
                                       {.id = "two"}};
    std::string out;
    write_batch(items, out);
    EXPECT_EQ(out,
              "[{\"id\":\"one\",\"attempt\":2,\"maxAttempts\":3,\"key\":\"user-7\",\"lease\":\"ab-17\","
              "\"type\":\"send\",\"deadline\":\"1994-11-06T08:49:00.000Z\","
              "\"headers\":{\"content-type\":\"application/json\",\"user\":\"ada\"},\"payload\":{ \"to\": [\"ada\"] }},"
              "{\"id\":\"two\",\"attempt\":1,\"maxAttempts\":1,\"lease\":\"\",\"headers\":{},\"payload\":null}]");
    write_batch({}, out);
    EXPECT_EQ(out, "[]");
}

TEST(BatchRequest, A10_embeds_a_payload_that_is_json) {
    for (const char* type : {"", "application/json", "Application/JSON; charset=utf-8", "text/json",
                             "application/cloudevents+json", "application/vnd.x+json ;v=1"}) {
        EXPECT_EQ(payload_written("{\"a\":1}", type), (json{{"a", 1}})) << type;
    }
    EXPECT_EQ(payload_written(" 17\n"), 17);
    EXPECT_EQ(payload_written("null"), nullptr);
}

TEST(BatchRequest, A10_gives_other_text_as_a_string) {
    for (const char* type : {"text/plain", "application/x-ndjson", "application/octet-stream", "json", "+jsonx"}) {
        EXPECT_EQ(payload_written("{\"a\":1}", type), "{\"a\":1}") << type;
    }
    EXPECT_EQ(payload_written("{\"a\":1} {\"a\":2}"), "{\"a\":1} {\"a\":2}");
    EXPECT_EQ(payload_written("{\"a\":", "application/json"), "{\"a\":");
    EXPECT_EQ(payload_written("grüße, \"ada\"\n"), "grüße, \"ada\"\n");
    EXPECT_EQ(payload_written(""), "");
}

TEST(BatchRequest, A10_one_payload_that_parsers_choke_on_spoils_no_batch) {
    const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
    for (const std::string& payload : {deep, std::string("1e999"), std::string("\"\\ud800\"")}) {
        EXPECT_EQ(payload_written(payload, "application/json"), payload);
    }
}

TEST(BatchRequest, A10_gives_bytes_that_are_no_text_as_base64) {
    const std::vector<FieldView> fields{{"ok", "text"}, {"raw", "\xFF"}, {"x", "\xC3"}};
    const json item =
        written({.id = "a\xFFz", .key = "\xFE", .lease = "l", .fields = fields, .payload = "\x01\xFF\x02"});
    EXPECT_EQ(item["id"], "a\xEF\xBF\xBDz");
    EXPECT_EQ(item["keyBase64"], base64_encode("\xFE"));
    EXPECT_EQ(item["payloadBase64"], base64_encode("\x01\xFF\x02"));
    EXPECT_EQ(item["headers"], (json{{"ok", "text"}}));
    EXPECT_EQ(item["headersBase64"], (json{{"raw", base64_encode("\xFF")}, {"x", base64_encode("\xC3")}}));
    EXPECT_FALSE(item.contains("key"));
    EXPECT_FALSE(item.contains("payload"));
}

TEST(BatchRequest, A10_has_each_header_once) {
    const std::vector<FieldView> fields{{"a", "1"},    {"b", "\xFF"},          {"a", "2"},    {"b", "3"},  {"c", "4"},
                                        {"c", "\xFF"}, {"drover-job-id", "x"}, {"\xFF", "5"}, {"%FF", "6"}};
    const json item = written({.id = "id", .fields = fields});
    EXPECT_EQ(item["headers"], (json{{"a", "2"}, {"b", "3"}, {"%FF", "5"}, {"%25FF", "6"}}));
    EXPECT_EQ(item["headersBase64"], (json{{"c", base64_encode("\xFF")}}));
}

TEST(BatchRequest, A10_a_record_of_a_hundred_thousand_headers_is_written) {
    std::vector<std::string> names;
    for (int i = 0; i < 100'000; ++i) names.push_back("n" + std::to_string(i % 50'000));
    std::vector<FieldView> fields;
    for (const std::string& name : names) fields.push_back({name, "v"});
    EXPECT_EQ(written({.id = "id", .fields = fields})["headers"].size(), 50'000U);
}

RC_GTEST_PROP(BatchRequest, A10_any_job_reads_back_as_what_it_was,
              (const std::string& id, const std::string& key, std::string payload,
               const std::map<std::string, std::string>& headers)) {
    if (*rc::gen::arbitrary<bool>()) payload = json(jobqueue::clean_text(payload, 1000)).dump();
    std::vector<FieldView> fields;
    for (const auto& [name, value] : headers) fields.push_back({name, value});
    const json item = written({.id = id, .key = key, .fields = fields, .payload = payload});

    RC_ASSERT(item["id"] == jobqueue::clean_text(id, 3 * id.size()));
    const auto bytes = [&item](const char* name, const std::string& base64_name) {
        return item.contains(name) ? item[name].get<std::string>()
                                   : *base64_decode(item[base64_name].get<std::string>());
    };
    RC_ASSERT(bytes("key", "keyBase64") == key);
    if (jobqueue::json_fault(payload).empty()) {
        RC_ASSERT(item["payload"] == json::parse(payload));
    } else {
        RC_ASSERT(bytes("payload", "payloadBase64") == payload);
    }
    std::size_t users = 0;
    for (const auto& [name, value] : headers) users += jobqueue::is_drover_header(name) ? 0 : 1;
    RC_ASSERT(item["headers"].size() + (item.contains("headersBase64") ? item["headersBase64"].size() : 0) == users);
}

// --- the answer

struct Read : BatchAnswer {
    Read(std::string_view body, const std::vector<std::string_view>& ids, std::size_t max_result_bytes = 1000)
        : BatchAnswer(read_batch_answer(200, body, ids, max_result_bytes, now)) {}

    std::string verdicts() const {
        std::string text;
        for (const Outcome& outcome : outcomes) {
            text += outcome.verdict == Verdict::done ? "done " : outcome.verdict == Verdict::retry ? "retry " : "dead ";
        }
        return text;
    }
};

TEST(BatchAnswer, A10_says_what_becomes_of_each_job_in_any_order) {
    const Read answer(
        R"({"results":[{"id":"c","outcome":"Dead","error":"No Such","message":"gone\nfor good","retryAfter":5},
            {"id":"a","outcome":"done","result":{"n": 12345678901234567890123}},
            {"id":"b","outcome":"retry","retryAfter":2.5,"error":"Busy"}],"more":1})",
        {"a", "b", "c"});
    EXPECT_EQ(answer.verdicts(), "done retry dead ");
    EXPECT_EQ(answer.results, (std::vector<std::string>{"{\"n\": 12345678901234567890123}", "", ""}));
    EXPECT_EQ(answer.problem, "");
    EXPECT_EQ(answer.outcomes[0].cause, jobqueue::Cause{});
    EXPECT_EQ(answer.outcomes[1].wait, Duration(2500ms));
    EXPECT_TRUE(answer.outcomes[1].costs_attempt);
    EXPECT_EQ(answer.outcomes[1].cause.error_class, "Busy");
    EXPECT_EQ(answer.outcomes[1].cause.message, "the worker gave no reason");
    EXPECT_FALSE(answer.outcomes[2].wait);
    EXPECT_EQ(answer.outcomes[2].cause.error_class, "No_Such");
    EXPECT_EQ(answer.outcomes[2].cause.message, "gone");
    EXPECT_EQ(answer.outcomes[2].cause.status, 200);
    EXPECT_THAT(answer.outcomes[2].cause.response, HasSubstr("\"id\":\"c\""));
}

TEST(BatchAnswer, A10_without_a_body_all_are_done) {
    const Read answer("", {"a", "b"});
    EXPECT_EQ(answer.verdicts(), "done done ");
    EXPECT_EQ(answer.results.size(), 2U);
    EXPECT_EQ(answer.problem, "");
}

TEST(BatchAnswer, A10_a_job_that_is_missing_is_retried) {
    const Read answer(R"({"results":[{"id":"b","outcome":"done"}]})", {"a", "b"});
    EXPECT_EQ(answer.verdicts(), "retry done ");
    EXPECT_EQ(answer.outcomes[0].cause.error_class, "MissingResult");
    EXPECT_FALSE(answer.outcomes[0].wait);
    EXPECT_EQ(Read(R"({"results":[]})", {"a", "b"}).verdicts(), "retry retry ");
}

TEST(BatchAnswer, A10_an_answer_that_is_none_retries_all) {
    for (const char* body : {"OK", " ", "null", "[]", "{}", "{\"results\":{}}", "{\"results\":[", "[{\"id\":\"a\"}]",
                             "{\"Results\":[]}"}) {
        const Read answer(body, {"a", "b"});
        EXPECT_EQ(answer.verdicts(), "retry retry ") << body;
        for (const Outcome& outcome : answer.outcomes) {
            EXPECT_EQ(outcome.cause.error_class, "InvalidBatchAnswer");
            EXPECT_EQ(outcome.cause.response, body);
            EXPECT_TRUE(outcome.costs_attempt);
        }
        EXPECT_THAT(answer.problem, HasSubstr("the worker's answer to the batch")) << body;
    }
}

TEST(BatchAnswer, A10_an_outcome_that_nobody_knows_is_retried_and_named) {
    for (const char* outcome : {"\"maybe\"", "true", "null", "\"\""}) {
        const Read answer(std::string("{\"results\":[{\"id\":\"a\",\"outcome\":") + outcome + "}]}", {"a"});
        EXPECT_EQ(answer.verdicts(), "retry ");
        EXPECT_EQ(answer.outcomes[0].cause.error_class, "InvalidOutcome");
        EXPECT_THAT(answer.outcomes[0].cause.message, HasSubstr(outcome));
    }
    const Read without(R"({"results":[{"id":"a"}]})", {"a"});
    EXPECT_EQ(without.outcomes[0].cause.error_class, "InvalidOutcome");
}

TEST(BatchAnswer, A10_what_nobody_asked_for_is_told_once) {
    const Read answer(
        R"({"results":[{"id":"x","outcome":"dead"},{"id":"y\n","outcome":"dead"},17,{"outcome":"done"},
            {"id":7,"outcome":"done"},{"id":"a","outcome":"done"}]})",
        {"a"});
    EXPECT_EQ(answer.verdicts(), "done ");
    EXPECT_EQ(answer.problem,
              "results of jobs that are not in the batch: 2, such as x; "
              "entries of the results without an id: 3, such as 17");
}

TEST(BatchAnswer, A10_the_worst_of_several_outcomes_counts) {
    for (const char* order : {"done retry dead", "dead retry done", "retry dead done", "retry done dead"}) {
        std::string entries, word;
        for (std::istringstream words(order); words >> word;) {
            if (!entries.empty()) entries += ",";
            entries.append(R"({"id":"a","outcome":")")
                .append(word)
                .append(R"(","result":")")
                .append(word)
                .append("\"}");
        }
        const Read answer("{\"results\":[" + entries + "]}", {"a"});
        EXPECT_EQ(answer.verdicts(), "dead ") << order;
        EXPECT_EQ(answer.results[0], "\"dead\"");
        EXPECT_EQ(answer.problem, "more than one result for a job: 2, such as a");
    }
    EXPECT_EQ(Read(R"({"results":[{"id":"a","outcome":"retry"},{"id":"a","outcome":"done"}]})", {"a"}).verdicts(),
              "retry ");
}

TEST(BatchAnswer, A10_jobs_of_one_id_share_its_outcome) {
    const Read answer(R"({"results":[{"id":"b","outcome":"done"},{"id":"a","outcome":"dead"}]})", {"a", "b", "a"});
    EXPECT_EQ(answer.verdicts(), "dead done dead ");
}

TEST(BatchAnswer, A10_an_id_is_known_as_it_was_written) {
    const Read answer(
        "{\"results\":[{\"id\":\"\\u0061\xEF\xBF\xBD\",\"outcome\":\"done\"},{\"id\":\"\",\"outcome\":\"done\"}]}",
        {"a\xFF", ""});
    EXPECT_EQ(answer.verdicts(), "done done ");
}

TEST(BatchAnswer, A9_a_result_over_the_limit_is_left_out_and_told) {
    const Read answer(R"({"results":[{"id":"a","outcome":"done","result":"12345678"},
                         {"id":"b","outcome":"done","result":"123456789"},{"id":"c","outcome":"done","result":null}]})",
                      {"a", "b", "c"}, 10);
    EXPECT_EQ(answer.verdicts(), "done done done ");
    EXPECT_EQ(answer.results, (std::vector<std::string>{"\"12345678\"", "", ""}));
    EXPECT_EQ(answer.problem, "results over the limit: 1, such as b");
}

TEST(BatchAnswer, A4_retry_after_is_what_the_header_could_be_or_a_duration) {
    const auto wait = [](const std::string& value) {
        return Read("{\"results\":[{\"id\":\"a\",\"outcome\":\"retry\",\"retryAfter\":" + value + "}]}", {"a"})
            .outcomes[0]
            .wait;
    };
    EXPECT_EQ(wait("0"), Duration(0s));
    EXPECT_EQ(wait("120"), Duration(120s));
    EXPECT_EQ(wait("0.0000001"), Duration(1us)) << "never before the time";
    EXPECT_EQ(wait("1e300"), Duration(24h));
    EXPECT_EQ(wait("\"120\""), Duration(120s));
    EXPECT_EQ(wait("\"1m30s\""), Duration(90s));
    EXPECT_EQ(wait("\"48h\""), Duration(24h));
    EXPECT_EQ(wait("\"Sun, 06 Nov 1994 08:49:37 GMT\""), Duration(37s));
    for (const char* wrong : {"-1", "true", "[]", "\"\"", "\"soon\"", "\"-5s\""}) {
        const Read answer(
            std::string("{\"results\":[{\"id\":\"a\",\"outcome\":\"retry\",\"retryAfter\":") + wrong + "}]}", {"a"});
        EXPECT_EQ(answer.outcomes[0].wait, std::nullopt) << wrong;
        EXPECT_THAT(answer.problem, HasSubstr("retryAfter that is no time: 1, such as " + std::string(wrong)));
    }
    EXPECT_EQ(Read(R"({"results":[{"id":"a","outcome":"retry","retryAfter":null}]})", {"a"}).problem, "");
}

RC_GTEST_PROP(BatchAnswer, A10_any_answer_has_an_outcome_for_each_job, ()) {
    const auto piece = rc::gen::element<std::string>(
        "{\"results\":[", "]}", "{\"id\":\"a\"", "{\"id\":\"b\"", ",\"outcome\":\"done\"", ",\"outcome\":\"dead\"",
        ",\"outcome\":\"retry\"", ",\"result\":[1]", ",\"retryAfter\":\"5s\"", "}", ",", "{", "[", "17", "\xFF");
    std::string body;
    for (const std::string& each : *rc::gen::container<std::vector<std::string>>(piece)) body += each;
    const std::vector<std::string_view> ids{"a", "b", "a"};
    const BatchAnswer answer = read_batch_answer(200, body, ids, 2, now);
    RC_ASSERT(answer.outcomes.size() == 3U);
    RC_ASSERT(answer.results.size() == 3U);
    RC_ASSERT(answer.outcomes[0].verdict == answer.outcomes[2].verdict);
    for (const Outcome& outcome : answer.outcomes) {
        RC_ASSERT((outcome.verdict == Verdict::done || !outcome.cause.error_class.empty()));
    }
}

}  // namespace
}  // namespace drover::sidecar
