// When a failed job runs again, and through which retry topics. Pure. Room: jobqueue.
#pragma once

#include <optional>
#include <vector>

#include "src/base/time.h"

namespace drover::jobqueue {

enum class Backoff { exponential, linear, fixed };

// `spec.retry`. Attempt n+1 waits initial × 2^(n−1), initial × n or initial; or the n-th of `delays`.
struct RetryPolicy {
    int max_attempts = 3;  // counts every try, the first too; ≥ 1
    Backoff backoff = Backoff::exponential;
    Duration initial = std::chrono::seconds(2);
    Duration max_delay = std::chrono::minutes(10);
    double jitter = 0.1;                          // 0..1: a delay grows by up to this share of itself
    std::optional<std::vector<Duration>> delays;  // replaces the formula; past its end the last one holds

    bool operator==(const RetryPolicy&) const = default;
};

// How long a job waits after its `failed_attempts`-th failed try (≥ 1; less reads as 1), at most `max_delay`, plus
// jitter: `unit` in [0, 1) is the random part. Never negative, never overflows.
Duration retry_delay(const RetryPolicy& policy, int failed_attempts, double unit);

// The retry topics' steps, ascending and distinct, at most 8, each at least 1 ms: every delay of the policy without
// jitter, thinned evenly where there are more. Empty when no job is ever retried (max_attempts 1).
std::vector<Duration> retry_steps(const RetryPolicy& policy);

// "2s", "500ms", "10m", "1h30m": how a step is written in a topic's name, and durations elsewhere.
std::string format_duration(Duration duration);

}  // namespace drover::jobqueue
