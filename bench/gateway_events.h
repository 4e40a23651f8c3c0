// The events that the gateway's benchmarks tell of jobs.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/jobqueue/lifecycle_event.h"

namespace drover::bench {

constexpr int queues = 4;

[[noreturn]] inline void end(const Error& error) {
    std::fprintf(stderr, "gateway_view: %s\n", error.message.c_str());
    std::exit(1);
}
template <class T>
T must(Result<T> result) {
    if (!result) end(result.error());
    return std::move(*result);
}

// As UUIDv7: by time first, and then by chance.
inline std::string id_of(std::int64_t job) {
    char text[40];
    const std::uint64_t chance = static_cast<std::uint64_t>(job) * 0x9E3779B97F4A7C15u;
    std::snprintf(text, sizeof(text), "%012llx-7%03llx-%016llx",
                  static_cast<unsigned long long>(0x19ABCDEF000 + job / 10), static_cast<unsigned long long>(job % 10),
                  static_cast<unsigned long long>(chance));
    return text;
}

inline std::string queue_of(std::int64_t job) { return "default.queue-" + std::to_string(job % queues); }

inline Time time_of(std::int64_t job) { return time_from_millis(1'790'000'000'000 + job); }

// What is told of a job, in JSON as it comes from Kafka: submitted, and what became of it.
inline void write_event(std::int64_t job, bool is_end, std::string& out) {
    const std::string queue = queue_of(job), id = id_of(job),
                      labels = R"({"user":"user-)" + std::to_string(job % 1000) + "\"}";
    jobqueue::LifecycleEvent event{.queue = queue,
                                   .job_id = id,
                                   .type = job % 3 == 0 ? "send-email" : "send-batch-email",
                                   .at = time_of(job),
                                   .submitted_at = time_of(job),
                                   .topic = queue,
                                   .partition = static_cast<int>(job % 12),
                                   .offset = job,
                                   .labels = labels};
    if (is_end) {
        const bool fails = job % 50 == 0;
        event.state = fails ? jobqueue::JobEvent::failed : jobqueue::JobEvent::completed;
        event.attempt = 1;
        event.max_attempts = 3;
        event.at = time_of(job) + std::chrono::seconds(10);
        event.pod = "email-worker-6d9f7c5b4-x2x" + std::to_string(job % 7);
        event.busy = Duration(50'000 + job % 9973);
        event.result = fails ? "" : R"({"messageId":"<20261123.1@example.com>","accepted":1})";
        event.error_class = fails ? "Http500" : "";
        event.error_message = fails ? "the provider does not answer" : "";
    }
    write_lifecycle_event(event, 64 * 1024, out);
}

// Fills a topic with two events for each job, and lets a feeder read it into the view. In gateway_feed.cpp.
int feed(const std::string& where, const std::string& bootstrap, std::int64_t jobs);

}  // namespace drover::bench
