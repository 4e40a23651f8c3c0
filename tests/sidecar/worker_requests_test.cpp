#include "sidecar/worker_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/core/outcome.h"

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr WorkerRequestLimits limits{.result_bytes = 20, .log_lines = 3};

Result<WorkerRequest> parse(std::string_view path, std::string_view body, std::string_view content_type = "") {
    return parse_worker_request(path, "ab12-7f", content_type, body, limits);
}

template <class Request>
Request read(std::string_view path, std::string_view body, std::string_view content_type = "") {
    Result<WorkerRequest> request = parse(path, body, content_type);
    if (!request) {
        ADD_FAILURE() << path << " " << body << ": " << request.error().message;
        return {};
    }
    return std::get<Request>(std::move(*request));
}

// What is wrong with the body of a POST to `path`; "" for nothing.
std::string problem(std::string_view path, std::string_view body, std::string_view content_type = "") {
    const Result<WorkerRequest> request = parse(path, body, content_type);
    if (request) return "";
    EXPECT_EQ(request.error().code, Error::Code::invalid);
    return request.error().message;
}

TEST(WorkerRequests, A9_progress_is_percent_step_message_and_an_intermediate_result) {
    const auto full = read<request::Progress>(
        "/v1/jobs/job-1/progress", R"({"percent":40,"step":"install","message":"\u00e4","result":{ "n": 1.10 }})");
    EXPECT_EQ(full.job_id, "job-1");
    EXPECT_EQ(full.lease, "ab12-7f");
    EXPECT_EQ(full.percent, 40);
    EXPECT_EQ(full.step, "install");
    EXPECT_EQ(full.message, "ä");
    EXPECT_EQ(full.result, "{ \"n\": 1.10 }") << "as it was written";

    for (const char* nothing : {"", "{}", R"({"percent":null,"step":null,"message":null,"result":null})"}) {
        const auto empty = read<request::Progress>("/v1/jobs/job-1/progress", nothing);
        EXPECT_FALSE(empty.percent);
        EXPECT_EQ(empty.step + empty.message + empty.result, "");
    }
}

TEST(WorkerRequests, A9_a_percent_is_from_0_to_100_and_never_rounded_up) {
    const auto percent = [](const std::string& number) {
        return read<request::Progress>("/v1/jobs/j/progress", "{\"percent\":" + number + "}").percent;
    };
    EXPECT_EQ(percent("0"), 0);
    EXPECT_EQ(percent("100"), 100);
    EXPECT_EQ(percent("99.9"), 99);
    EXPECT_EQ(percent("1e1"), 10);
    for (const char* wrong : {"-5", "-0.1", "300", "100.1", "1e300", "\"40\"", "true", "[]"}) {
        EXPECT_EQ(problem("/v1/jobs/j/progress", std::string("{\"percent\":") + wrong + "}"),
                  "percent must be a number from 0 to 100");
    }
}

TEST(WorkerRequests, A9_everything_that_is_wrong_is_named_with_what_is_allowed) {
    EXPECT_EQ(
        problem("/v1/jobs/j/progress", "{\"percent\":-5,\"step\":17,\"result\":\"" + std::string(19, 'x') + "\"}"),
        "percent must be a number from 0 to 100; step must be a string; "
        "result must be at most 20 bytes long");
    EXPECT_EQ(problem("/v1/jobs/j/progress", "{\"message\":\"" + std::string(1025, 'x') + "\"}"),
              "message must be at most 1024 bytes long");
    EXPECT_EQ(problem("/v1/jobs/j/progress", R"({"per\ncent":1})"),
              "per cent is not a field of this request, which has percent, step, message, result");
    EXPECT_EQ(problem("/v1/jobs/j/progress", "{"),
              "the body is not JSON; it must be a JSON object with percent, step, message, result");
    EXPECT_EQ(problem("/v1/jobs/j/progress", "[]"),
              "the body must be a JSON object with percent, step, message, result");
    const std::string deep = "{\"result\":" + std::string(300'000, '[') + std::string(300'000, ']') + "}";
    EXPECT_THAT(problem("/v1/jobs/j/progress", deep), HasSubstr("nested more than 60 deep"));
}

TEST(WorkerRequests, A9_log_lines_come_as_text) {
    const auto logs = read<request::Logs>("/v1/jobs/j/logs", "one\r\n\ntw\xFFo", "text/plain");
    EXPECT_EQ(logs.lines, (std::vector<std::string>{"one", "", "tw\xEF\xBF\xBDo"}));
    EXPECT_EQ(logs.level, "");
    EXPECT_EQ(read<request::Logs>("/v1/jobs/j/logs", "{\"lines\":1}\n").lines,
              (std::vector<std::string>{"{\"lines\":1}"}));
    EXPECT_TRUE(read<request::Logs>("/v1/jobs/j/logs", "").lines.empty());
    EXPECT_EQ(problem("/v1/jobs/j/logs", "1\n2\n3\n4"), "the lines of the body must be at most 3");
}

TEST(WorkerRequests, A9_log_lines_come_as_json_with_a_level) {
    const auto logs = read<request::Logs>("/v1/jobs/j/logs", R"({"level":"warn","lines":["one","two\nthree"]})",
                                          "Application/JSON; charset=utf-8");
    EXPECT_EQ(logs.lines, (std::vector<std::string>{"one", "two", "three"}));
    EXPECT_EQ(logs.level, "warn");
    EXPECT_TRUE(read<request::Logs>("/v1/jobs/j/logs", "{}", "application/json").lines.empty());

    const auto wrong = [](const char* body) { return problem("/v1/jobs/j/logs", body, "application/json"); };
    EXPECT_EQ(wrong(R"({"lines":["1","2\n3","4"]})"), "lines must be at most 3");
    EXPECT_EQ(wrong(R"({"lines":[1],"level":"loud"})"),
              "level must be debug, info, warn or error; lines must be a list of strings");
    EXPECT_EQ(wrong(R"({"lines":"one"})"), "lines must be a list of strings");
    EXPECT_EQ(wrong("one"), "the body is not JSON; it must be a JSON object with lines, level");
}

TEST(WorkerRequests, A8_a_heartbeat_says_nothing_but_the_lease) {
    for (const char* body : {"", "{}"}) {
        const auto heartbeat = read<request::Heartbeat>("/v1/jobs/j/heartbeat", body);
        EXPECT_EQ(heartbeat.job_id, "j");
        EXPECT_EQ(heartbeat.lease, "ab12-7f");
    }
    EXPECT_EQ(problem("/v1/jobs/j/heartbeat", "{\"lease\":1}"),
              "lease is not a field of this request, which has no fields");
}

TEST(WorkerRequests, A8_a_completion_carries_a_result_of_any_kind) {
    const std::string_view bytes("\0\xFF{", 3);
    const auto complete = read<request::Complete>("/v1/jobs/j/complete", bytes, "image/png");
    EXPECT_EQ(complete.job_id, "j");
    EXPECT_EQ(complete.lease, "ab12-7f");
    EXPECT_EQ(complete.result, bytes);
    EXPECT_EQ(complete.content_type, "image/png");
    EXPECT_EQ(read<request::Complete>("/v1/jobs/j/complete", std::string(20, 'x')).result.size(), 20U);
    EXPECT_EQ(problem("/v1/jobs/j/complete", std::string(21, 'x')), "the result must be at most 20 bytes long");
}

TEST(WorkerRequests, A8_a_failure_is_retried_unless_the_app_says_otherwise) {
    const auto fail = read<request::Fail>(
        "/v1/jobs/j/fail", R"({"error":"NoSuchCustomer","message":"a\nb","retryable":false,"retryAfter":"1m30s"})");
    EXPECT_EQ(fail.job_id, "j");
    EXPECT_EQ(fail.lease, "ab12-7f");
    EXPECT_EQ(fail.error, "NoSuchCustomer");
    EXPECT_EQ(fail.message, "a\nb");
    EXPECT_FALSE(fail.retryable);
    EXPECT_EQ(fail.retry_after, Duration(90s));

    const auto bare = read<request::Fail>("/v1/jobs/j/fail", "");
    EXPECT_TRUE(bare.retryable);
    EXPECT_FALSE(bare.retry_after);
    EXPECT_EQ(problem("/v1/jobs/j/fail", R"({"retryable":"no","error":false})"),
              "error must be a string; retryable must be true or false");
}

TEST(WorkerRequests, A4_retry_after_is_a_duration_or_seconds_and_at_most_a_day) {
    const auto wait = [](const std::string& value) {
        return read<request::Fail>("/v1/jobs/j/fail", "{\"retryAfter\":" + value + "}").retry_after;
    };
    EXPECT_EQ(wait("0"), Duration(0s));
    EXPECT_EQ(wait("2.5"), Duration(2500ms));
    EXPECT_EQ(wait("1e-9"), Duration(1us)) << "never before the time";
    EXPECT_EQ(wait("1e300"), longest_wait);
    EXPECT_EQ(wait("\"48h\""), longest_wait);
    EXPECT_EQ(wait("null"), std::nullopt);
    for (const char* wrong : {"-1", "\"-1s\"", "\"soon\"", "true", "{}"}) {
        EXPECT_EQ(problem("/v1/jobs/j/fail", std::string("{\"retryAfter\":") + wrong + "}"),
                  "retryAfter must be a duration such as \"5s\", or a number of seconds");
    }
}

TEST(WorkerRequests, A11_a_worker_asks_for_jobs_and_says_how_long_it_waits) {
    const auto asked = read<request::LeaseRequest>("/v1/lease", R"({"max":10,"wait":"30s","lease":"5m"})");
    EXPECT_EQ(asked.max, 10);
    EXPECT_EQ(asked.wait, Duration(30s));
    EXPECT_EQ(asked.lease, Duration(5min));

    const Result<WorkerRequest> without_header = parse_worker_request("/v1/lease", "", "", "", limits);
    ASSERT_TRUE(without_header);
    const auto bare = std::get<request::LeaseRequest>(*without_header);
    EXPECT_EQ(bare.max, 1);
    EXPECT_EQ(bare.wait, Duration(0));
    EXPECT_FALSE(bare.lease);

    EXPECT_EQ(read<request::LeaseRequest>("/v1/lease", R"({"max":1000,"wait":60,"lease":86400})").lease, Duration(24h));
    for (const char* wrong : {"0", "1001", "1.5", "\"1\"", "1e2", "99999999999999999999"}) {
        EXPECT_EQ(problem("/v1/lease", std::string("{\"max\":") + wrong + "}"),
                  "max must be a whole number from 1 to 1000");
    }
    EXPECT_THAT(problem("/v1/lease", R"({"wait":60.1,"lease":0})"),
                AllOf(HasSubstr("wait must be from 0s to 1m: a duration such as \"5s\", or a number of seconds"),
                      HasSubstr("lease must be from 1ms to 24h: ")));
}

TEST(WorkerRequests, A8_without_a_lease_nothing_is_taken) {
    for (const char* deed : {"progress", "logs", "heartbeat", "complete", "fail"}) {
        const Result<WorkerRequest> request =
            parse_worker_request(std::string("/v1/jobs/j/") + deed, "", "", "", limits);
        ASSERT_FALSE(request);
        EXPECT_EQ(request.error().code, Error::Code::invalid);
        EXPECT_THAT(request.error().message, HasSubstr("drover-lease"));
    }
}

TEST(WorkerRequests, the_id_is_what_the_decoded_path_holds) {
    EXPECT_EQ(read<request::Heartbeat>("/v1/jobs/a/b%41 ä/heartbeat", "").job_id, "a/b%41 ä");
    EXPECT_EQ(read<request::Heartbeat>("/v1/jobs/fail/heartbeat", "").job_id, "fail");
}

TEST(WorkerRequests, another_path_is_not_found) {
    for (const char* path :
         {"", "/", "/v1/jobs", "/v1/jobs/", "/v1/jobs/progress", "/v1/jobs//progress", "/v1/jobs/j/progress/",
          "/v1/jobs/j/Progress", "/v1/jobs/j/", "/v1/jobs/j", "/v2/lease", "/v1/lease/", "x/v1/jobs/j/logs"}) {
        const Result<WorkerRequest> request = parse(path, "");
        ASSERT_FALSE(request) << path;
        EXPECT_EQ(request.error().code, Error::Code::not_found) << path;
    }
}

}  // namespace
}  // namespace drover::sidecar
