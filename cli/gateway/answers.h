// What the command line reads from the gateway's answers. Pure. Room: cli.
//
// An answer stays the JSON that it is, so that `-o json` loses nothing of it; what tables and decisions need is read
// from it here. Total: a field that is missing, or of another kind than expected, reads as not there. Texts are
// whatever the gateway sent; what shows them makes them fit for a terminal.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/base/time.h"

namespace drover::cli {

using Json = nlohmann::ordered_json;

// Of one line, as programs read it, and over several lines with white space.
std::string compact(const Json& json);
std::string pretty(const Json& json);
// Null where it is no JSON.
std::optional<Json> parse_json(std::string_view text);

// Fields of an object; "" and nothing for what is not there.
std::string text_of(const Json& object, const char* name);
std::optional<std::int64_t> integer_of(const Json& object, const char* name);
std::optional<double> number_of(const Json& object, const char* name);
bool is_true(const Json& object, const char* name);
std::optional<Time> time_of(const Json& object, const char* name);
const Json& member(const Json& object, const char* name);   // null where it is not there
const Json& list_of(const Json& object, const char* name);  // empty where it is not there

struct JobAnswer {
    std::string id, queue, type, state, pod;
    int run = 0, attempt = 0;
    std::optional<std::int64_t> max_attempts;
    std::optional<Time> since, submitted_at, started_at, finished_at, due_at, eta;
    std::optional<Duration> busy;
    std::string error_class, error_message;
    std::optional<std::int64_t> error_status;
    std::optional<std::int64_t> percent;
    std::string step, message;
};
JobAnswer job_answer(const Json& json);
// completed, failed, cancelled.
bool has_ended(const JobAnswer& job);

struct PauseAnswer {
    std::string source, by, reason;
    std::optional<Time> at;
};

struct ScaleAnswer {
    std::int64_t replicas = 0, desired = 0, min = 0, max = 0;
    std::optional<std::int64_t> ready;
    std::string reason, message;
    std::optional<Time> at;
    std::vector<std::string> troubles;  // of the workers, each a sentence
};

struct QueueAnswer {
    std::string name, topic, trouble, ordering;
    std::map<std::string, std::int64_t> counts;  // by state
    std::int64_t dead = 0;
    std::optional<std::int64_t> lag;
    bool paused = false, events = true;
    std::vector<PauseAnswer> pauses;
    std::optional<double> completed_rate, failed_rate, retried_rate;  // per second
    std::optional<double> failure_rate;                               // 0..1
    std::optional<Time> oldest_waiting;
    std::optional<ScaleAnswer> scale;

    std::int64_t count(const std::string& state) const;
};
QueueAnswer queue_answer(const Json& json);

struct OperationAnswer {
    std::string id, queue, action, state, by, reason, trouble;
    std::int64_t matched = 0, done = 0, skipped = 0, failed = 0;
    std::optional<double> per_second;
    std::optional<Time> started_at, updated_at, ended_at;

    bool is_running() const { return state == "running"; }
};
OperationAnswer operation_answer(const Json& json);

struct ErrorGroupAnswer {
    std::string error_class, message;
    std::optional<std::int64_t> status;
    std::int64_t count = 0;
    std::optional<Time> first, last;
    std::vector<std::string> sample;
    std::map<std::string, std::int64_t> types;
};
ErrorGroupAnswer error_group_answer(const Json& json);

}  // namespace drover::cli
