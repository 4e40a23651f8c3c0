#include "sidecar/core/outcome.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace drover::sidecar {
namespace {

using namespace std::chrono;
using Kind = WorkerAnswer::Kind;
using Verdict = Outcome::Verdict;

constexpr std::size_t max_excerpt_bytes = 4096;
constexpr std::size_t max_class_bytes = 100;

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// The app's own name for its error, as far as it is a name.
std::string class_of(std::string_view header, std::string fallback) {
    std::string name;
    for (char c : trim(header).substr(0, max_class_bytes)) {
        const bool fine = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' ||
                          c == '_' || c == '-' || c == ':';
        name.push_back(fine ? c : '_');
    }
    return name.empty() ? std::move(fallback) : name;
}

jobqueue::Cause cause_of(std::string_view error, std::string_view body, std::string fallback_class,
                         std::string fallback_message) {
    const std::string_view line = trim(body.substr(0, body.find_first_of("\r\n")));
    return {.error_class = class_of(error, std::move(fallback_class)),
            .message = line.empty() ? std::move(fallback_message) : std::string(line.substr(0, 1000)),
            .response = std::string(body.substr(0, max_excerpt_bytes))};
}

Outcome transport_failure(const WorkerAnswer& answer, std::string error_class, std::string message) {
    if (!answer.detail.empty()) message += ": " + std::string(answer.detail);
    return {.verdict = Verdict::retry,
            .cause = {.error_class = std::move(error_class),
                      .message = std::move(message),
                      .status = answer.status,
                      .response = std::string(answer.body.substr(0, max_excerpt_bytes))}};
}

bool retries(int status) { return status == 404 || status == 408 || status == 409 || status == 429 || status >= 500; }

Verdict verdict_of(int status) {
    if (status >= 200 && status < 300) return Verdict::done;
    if (status >= 400 && status < 500 && !retries(status)) return Verdict::dead;
    return Verdict::retry;  // 1xx and 3xx too: the cause names them
}

Outcome classify_response(const WorkerAnswer& answer, Time now) {
    const std::string_view wish = trim(answer.outcome);
    const std::optional<Verdict> wished = parse_verdict(wish);
    const bool unknown_wish = !wished && !wish.empty();
    Outcome outcome{.verdict = unknown_wish ? Verdict::retry : wished.value_or(verdict_of(answer.status))};
    if (outcome.verdict == Verdict::done) return outcome;

    const std::string status = std::to_string(answer.status);
    outcome.cause = cause_of(answer.error, answer.body, "Http" + status, "the worker answered " + status);
    outcome.cause.status = answer.status;
    if (unknown_wish) {
        outcome.cause.error_class = "InvalidOutcome";
        outcome.cause.message =
            "the worker answered " + status + " with an unknown Drover-Outcome: " + std::string(wish.substr(0, 100));
    }
    if (outcome.verdict == Verdict::retry) {
        outcome.wait = parse_retry_after(answer.retry_after, now);
        outcome.costs_attempt = answer.status != 429;
        outcome.overloaded = answer.status == 429 || (answer.status == 503 && outcome.wait.has_value());
    }
    return outcome;
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<Time> parse_http_date(std::string_view text) {
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
    if (text[7] != ' ' || text[11] != ' ' || text[16] != ' ' || text[19] != ':' || text[22] != ':') return std::nullopt;
    const auto number = [&](std::size_t pos, std::size_t digits) -> std::optional<int> {
        int value = 0;
        const char* end = text.data() + pos + digits;
        const auto [stop, error] = std::from_chars(text.data() + pos, end, value);
        if (error != std::errc() || stop != end || value < 0) return std::nullopt;
        return value;
    };
    const auto mon = std::ranges::find(months, text.substr(8, 3));
    const auto d = number(5, 2), y = number(12, 4), h = number(17, 2), m = number(20, 2), s = number(23, 2);
    if (mon == months.end() || !d || !y || !h || !m || !s || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(mon - months.begin() + 1)},
                              day{static_cast<unsigned>(*d)}};
    if (!date.ok()) return std::nullopt;
    return Time{sys_days{date} + hours{*h} + minutes{*m} + seconds{*s}};
}

}  // namespace

std::optional<Duration> parse_retry_after(std::string_view value, Time now) {
    value = trim(value);
    if (value.empty()) return std::nullopt;
    if (std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) {
        std::int64_t count = 0;
        const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), count);
        if (error != std::errc() || count > 86'400) return longest_wait;
        return seconds{count};
    }
    const std::optional<Time> date = parse_http_date(value);
    if (!date) return std::nullopt;
    return std::clamp<Duration>(*date - now, Duration{0}, longest_wait);
}

std::optional<Verdict> parse_verdict(std::string_view text) {
    if (equals_ignoring_case(text, "done")) return Verdict::done;
    if (equals_ignoring_case(text, "retry")) return Verdict::retry;
    if (equals_ignoring_case(text, "dead")) return Verdict::dead;
    return std::nullopt;
}

Outcome reported(Verdict verdict, std::string_view error, std::string_view message, std::optional<Duration> wait) {
    Outcome outcome{.verdict = verdict};
    if (verdict == Verdict::done) return outcome;
    if (verdict == Verdict::retry) outcome.wait = wait;
    outcome.cause = cause_of(error, message, "WorkerFailed", "the worker gave no reason");
    return outcome;
}

Outcome classify(const WorkerAnswer& answer, Time now) {
    switch (answer.kind) {
        case Kind::response: return classify_response(answer, now);
        case Kind::refused:
            return {.verdict = Verdict::not_delivered,
                    .costs_attempt = false,
                    .cause = {.error_class = "WorkerUnreachable", .message = std::string(answer.detail)}};
        case Kind::cut:
            return transport_failure(answer, "ConnectionCut", "the connection ended before the whole answer");
        case Kind::malformed: return transport_failure(answer, "MalformedAnswer", "the answer is not HTTP");
        case Kind::too_large: return transport_failure(answer, "AnswerTooLarge", "the answer is over the limit");
        case Kind::aborted: return {.verdict = Verdict::aborted};
    }
    return transport_failure(answer, "MalformedAnswer", "an answer of an unknown kind");
}

}  // namespace drover::sidecar
