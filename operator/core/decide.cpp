#include "operator/core/decide.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "src/cron/times.h"

namespace drover::operator_core {
namespace {

constexpr double headroom = 1.05;          // over what the rate limit feeds
constexpr double worth_a_replica = 0.7;    // of its time busy with what arrives
constexpr double share_of_wait = 1.0 / 3;  // the rest is for late figures and pods that start
constexpr double arrival_smoothing_s = 30;
constexpr double service_smoothing_s = 30;
constexpr int slices_in_window = 12;
constexpr Duration longest_window = std::chrono::hours(24 * 365);

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// A wish as an int, whatever came out of the division.
int rounded_up(double replicas) {
    constexpr int most = std::numeric_limits<int>::max();
    if (std::isnan(replicas) || replicas <= 0) return 0;
    return replicas >= most ? most : static_cast<int>(std::ceil(replicas));
}

// For people: 0.0031, 0.25, 4.2, 1350.
std::string figure(double value) {
    char text[32];
    const int length = std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : "%.2g", value);
    return {text, static_cast<std::size_t>(std::clamp(length, 0, 31))};
}
std::string in_seconds(Duration duration) {
    const double value = seconds(duration);
    char text[32];
    const int length = std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f s" : "%.1f s", value);
    return {text, static_cast<std::size_t>(std::clamp(length, 0, 31))};
}
std::string count(std::int64_t number, const char* thing) {
    return std::to_string(number) + ' ' + thing + (number == 1 ? "" : "s");
}
std::string replica_count(int number) { return count(number, "replica"); }

// λ, from how far the end offsets moved since they were last read.
void learn_arrivals(const Observation& seen, Time now, Memory& memory) {
    if (!std::isfinite(memory.arrival_rate) || memory.arrival_rate < 0) memory.arrival_rate = 0;
    if (!seen.end_offsets) return;
    const std::int64_t ends = std::max<std::int64_t>(*seen.end_offsets, 0);
    // A topic made anew, or a clock set back: this reading is the new base, and teaches nothing.
    if (!memory.end_offsets || ends < *memory.end_offsets || now < memory.end_offsets_at) {
        memory.end_offsets = ends;
        memory.end_offsets_at = now;
        return;
    }
    const double elapsed = seconds(now - memory.end_offsets_at);
    if (elapsed <= 0) return;  // the base stays, so these arrivals count next time
    const double rate = static_cast<double>(ends - std::max<std::int64_t>(*memory.end_offsets, 0)) / elapsed;
    memory.arrival_rate += (rate - memory.arrival_rate) * -std::expm1(-elapsed / arrival_smoothing_s);
    memory.end_offsets = ends;
    memory.end_offsets_at = now;
}

// s, a mean over completions in which old ones fade. It stays through idle times, however long.
void learn_service_time(const Observation& seen, Time now, Memory& memory) {
    if (memory.service_seconds && (!std::isfinite(*memory.service_seconds) || *memory.service_seconds < 0)) {
        memory.service_seconds.reset();
    }
    if (!std::isfinite(memory.service_weight) || memory.service_weight < 0) memory.service_weight = 0;
    if (!seen.busy) return;
    const jobqueue::BusyCounters total{std::max<std::int64_t>(seen.busy->busy_us, 0),
                                       std::max<std::int64_t>(seen.busy->completions, 0)};
    const bool first_sight = !memory.busy;
    if (first_sight || memory.busy_at > now || total.completions < memory.busy->completions ||
        total.busy_us < memory.busy->busy_us) {
        // What was counted before we looked is a start value, worth one job.
        if (!memory.service_seconds && total.completions > 0) {
            memory.service_seconds = static_cast<double>(total.busy_us) / 1e6 / static_cast<double>(total.completions);
            memory.service_weight = 1;
        }
        memory.busy = total;
        memory.busy_at = now;
        return;
    }
    const double jobs = static_cast<double>(total.completions) - static_cast<double>(memory.busy->completions);
    if (jobs < 1) return;  // busy time without a completion waits for its completion
    const double busy_s = (static_cast<double>(total.busy_us) - static_cast<double>(memory.busy->busy_us)) / 1e6;
    const double faded = memory.service_weight * std::exp(-seconds(now - memory.busy_at) / service_smoothing_s);
    memory.service_seconds = (memory.service_seconds.value_or(0) * faded + busy_s) / (faded + jobs);
    memory.service_weight = faded + jobs;
    memory.busy = total;
    memory.busy_at = now;
}

// The window as slices: a wish is held at least the window and at most one slice longer.
class ScaleInWindow {
public:
    ScaleInWindow(Duration window, const std::vector<Memory::Wish>& wishes, Time now)
        : window_(std::clamp(window, Duration{0}, longest_window)),
          width_(std::max(window_ / slices_in_window, Duration{1})),
          now_(now) {
        for (const Memory::Wish& wish : wishes) add(wish);
    }

    void add(int replicas) { add(Memory::Wish{now_, replicas}); }
    void forget() { wishes_.clear(); }
    int largest() const {
        int most = 0;
        for (const Memory::Wish& wish : wishes_) most = std::max(most, wish.replicas);
        return most;
    }
    std::vector<Memory::Wish> take() { return std::move(wishes_); }

private:
    void add(Memory::Wish wish) {
        if (window_ == Duration{0}) return;
        // What seems to come from the future was written under another clock: it counts as of now.
        const Duration since_epoch = std::min(wish.slice, now_).time_since_epoch();
        Duration into_slice = since_epoch % width_;
        if (into_slice < Duration{0}) into_slice += width_;
        const Time slice{since_epoch - into_slice};
        if (slice + width_ <= now_ - window_) return;
        const auto place = std::lower_bound(wishes_.begin(), wishes_.end(), slice,
                                            [](const Memory::Wish& a, Time b) { return a.slice < b; });
        if (place != wishes_.end() && place->slice == slice) {
            place->replicas = std::max(place->replicas, wish.replicas);
        } else {
            wishes_.insert(place, Memory::Wish{slice, wish.replicas});
        }
    }

    Duration window_;
    Duration width_;
    Time now_;
    std::vector<Memory::Wish> wishes_;
};

struct Wanted {
    int replicas = 0;
    std::string reason;
    std::string message;
};

// The formula, before any limit.
Wanted wanted_for(const ScalingPolicy& policy, std::int64_t backlog, const Memory& memory) {
    const int concurrency = std::max(policy.concurrency, 1);
    if (!memory.service_seconds) {
        const int target = std::max(policy.target_lag, 1);
        const int replicas = rounded_up(static_cast<double>(backlog) / target);
        return {replicas, "TargetLag",
                count(backlog, "job") + " unfinished and no service time known yet: " + replica_count(replicas) +
                    " at " + std::to_string(target) + " jobs each"};
    }
    const Duration wait = std::max(policy.target_wait, Duration{1000});
    const double service = *memory.service_seconds;
    const double needed_rate = static_cast<double>(backlog) / (seconds(wait) * share_of_wait + service);
    const int replicas = std::max(rounded_up(memory.arrival_rate * service / concurrency - worth_a_replica),
                                  rounded_up(needed_rate * service / concurrency));
    return {replicas, "TargetWait",
            count(backlog, "job") + " unfinished, " + figure(memory.arrival_rate) + " arriving a second, " +
                figure(service) + " s each: " + replica_count(replicas) + " of " + count(concurrency, "slot") +
                " for a wait of at most " + in_seconds(wait)};
}

// More replicas than this would wait for the rate limit.
std::optional<int> fed_by_rate_limit(const ScalingPolicy& policy, const Memory& memory) {
    if (!policy.rate_limit || policy.rate_limit->per <= Duration{0} || !memory.service_seconds) return std::nullopt;
    const double rate = std::max(policy.rate_limit->max, 0) / seconds(policy.rate_limit->per);
    return std::max(rounded_up(rate * *memory.service_seconds / std::max(policy.concurrency, 1) * headroom), 1);
}

void limit(Wanted& wanted, int most, const char* reason, const std::string& what) {
    if (wanted.replicas <= most) return;
    wanted.replicas = most;
    wanted.reason = reason;
    wanted.message += "; " + what;
}

struct Minimum {
    int replicas = 0;
    std::string schedule;  // that asks for it, in words; "": minReplicas does
};

Minimum minimum_of(const ScalingPolicy& policy, Time now) {
    Minimum minimum{std::max(policy.min_replicas, 0), ""};
    for (const jobqueue::ScalingSchedule& each : policy.schedules) {
        if (each.min_replicas <= minimum.replicas) continue;
        // Open: of both, the end is the next to come.
        const std::optional<Time> end = cron::next(each.end, each.zone, now);
        const std::optional<Time> start = cron::next(each.start, each.zone, now);
        if (!end || (start && *start < *end)) continue;
        minimum = {each.min_replicas, "the schedule '" + each.start.text() + "' asks for " +
                                          std::to_string(each.min_replicas) + " until " + format_rfc3339(*end)};
    }
    return minimum;
}

}  // namespace

std::optional<Time> next_scheduled_change(const ScalingPolicy& policy, Time now) {
    std::optional<Time> first;
    for (const jobqueue::ScalingSchedule& each : policy.schedules) {
        for (const cron::Expression* expression : {&each.start, &each.end}) {
            const std::optional<Time> next = cron::next(*expression, each.zone, now);
            if (next && (!first || *next < *first)) first = next;
        }
    }
    return first;
}

ScalingPolicy scaling_policy_of(const jobqueue::JobQueue& queue) {
    ScalingPolicy policy;
    policy.min_replicas = queue.scaling.min_replicas;
    policy.max_replicas = queue.scaling.max_replicas;
    policy.target_wait = queue.scaling.target_wait;
    policy.target_lag = queue.scaling.target_lag;
    policy.idle_after = queue.scaling.idle_after;
    policy.concurrency = queue.delivery.concurrency;
    policy.rate_limit = queue.delivery.rate_limit;
    policy.schedules = queue.scaling.schedules;
    return policy;
}

Decision decide(const ScalingPolicy& policy, const Observation& seen, const Memory& memory, Time now) {
    const bool topic_known = seen.partitions && *seen.partitions >= 1;
    const Minimum minimum = minimum_of(policy, now);
    const int least = minimum.replicas;
    const int ceiling = std::max(policy.max_replicas, 0);
    const int most = std::max(least, topic_known ? std::min(ceiling, *seen.partitions) : ceiling);
    const int current = std::clamp(seen.replicas, least, most);

    Memory next = memory;
    learn_arrivals(seen, now, next);
    learn_service_time(seen, now, next);
    ScaleInWindow window(policy.scale_in_window, next.wishes, now);
    // Without a history the present scale is one: a forgetful leader scales in no sooner than another.
    if (memory.wishes.empty()) window.add(current);

    const auto decided = [&](int replicas, std::string reason, std::string message) {
        next.wishes = window.take();
        return Decision{replicas, std::move(reason), std::move(message), std::move(next)};
    };
    // Holding counts as a wish, so that what follows it scales in no sooner than a window later.
    const auto held = [&](const char* reason, const std::string& why) {
        window.add(current);
        return decided(current, reason, why + ": " + replica_count(current) + " held");
    };
    if (seen.paused || !topic_known || !seen.backlog) {
        next.last_busy = now;  // nobody knows better: idleAfter begins when it is seen again
        if (seen.paused) return held("Paused", "The queue is paused");
        return held("FiguresUnknown",
                    !topic_known ? "The topic's partitions could not be read" : "The backlog could not be read");
    }

    const std::int64_t backlog = std::max<std::int64_t>(*seen.backlog, 0);
    const std::int64_t retries = seen.retries_due_soon.value_or(0);
    const bool at_work = backlog > 0 || seen.in_flight > 0;
    const bool arrived = memory.end_offsets && seen.end_offsets && *seen.end_offsets > *memory.end_offsets;
    const bool something_to_do = at_work || retries > 0;
    if (something_to_do || arrived || !next.last_busy || *next.last_busy > now) next.last_busy = now;
    const Duration quiet = now - *next.last_busy;

    Wanted wanted = wanted_for(policy, backlog, next);
    if (!something_to_do) {
        if (seen.replicas <= 0 || quiet >= policy.idle_after) {
            wanted = {0, "Idle",
                      quiet > Duration{0}
                          ? "Nothing to do for " + in_seconds(quiet) + ", idleAfter is " + in_seconds(policy.idle_after)
                          : "Nothing to do"};
            window.forget();  // idleAfter is the window of the last step
        } else {
            // λ alone may keep what there is, but starts nothing: what arrives and needs a slot is backlog.
            wanted.replicas = std::clamp(wanted.replicas, 1, std::max(current, 1));
            wanted.reason = "IdleSoon";
            wanted.message = "Nothing to do for " + in_seconds(quiet) + ": " + replica_count(wanted.replicas) +
                             " until idleAfter, " + in_seconds(policy.idle_after);
        }
    } else if (wanted.replicas < 1) {
        wanted.replicas = 1;
        if (!at_work) {
            wanted.reason = "RetryDue";
            wanted.message = count(retries, "retry record") + " due within " + in_seconds(policy.idle_after);
        }
    }

    if (const std::optional<int> fed = fed_by_rate_limit(policy, next)) {
        limit(wanted, *fed, "RateLimit", "the rate limit feeds " + replica_count(*fed));
    }
    limit(wanted, std::max(*seen.partitions, least), "Partitions",
          "the topic has " + count(*seen.partitions, "partition"));
    limit(wanted, most, "MaxReplicas", "maxReplicas is " + std::to_string(ceiling));
    if (wanted.replicas < least) {
        wanted.replicas = least;
        const bool scheduled = !minimum.schedule.empty();
        wanted.reason = scheduled ? "Schedule" : "MinReplicas";
        wanted.message += "; " + (scheduled ? minimum.schedule : "minReplicas is " + std::to_string(least));
    }
    window.add(wanted.replicas);

    // λ, s and the retries only ever matter downwards when they are missing: what is known may still scale out.
    const char* missing = !seen.end_offsets        ? "The end offsets"
                          : !seen.busy             ? "The service times"
                          : !seen.retries_due_soon ? "The retry topics"
                                                   : nullptr;
    if (missing != nullptr && wanted.replicas < current) {
        return held("FiguresUnknown", std::string(missing) + " could not be read");
    }
    const int stable = std::clamp(window.largest(), wanted.replicas, most);
    if (stable > wanted.replicas) {
        wanted.message +=
            "; " + std::to_string(stable) + " wanted within the last " + in_seconds(policy.scale_in_window);
        return decided(stable, "ScaleInWaits", std::move(wanted.message));
    }
    return decided(wanted.replicas, std::move(wanted.reason), std::move(wanted.message));
}

}  // namespace drover::operator_core
