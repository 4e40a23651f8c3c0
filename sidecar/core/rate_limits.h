// How fast jobs may be handed over: a queue's rate, which all pods share, and a rate for each key. Pure. Room:
// sidecar/core. The sidecar's thread. Times are the brokers' clock; an earlier one than was seen counts as that one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/time.h"
#include "src/jobqueue/resource.h"

namespace drover::sidecar {

// This pod's part of a queue's rate, a token bucket, without a server that would hand out parts. Each pod owns the
// share of its partitions; a pod that has nothing to do lends its share to those that have, in proportion to their
// partitions.
//
// The shares of all pods add up to at most 1 at any time, because
// - a pod says through a topic, once a second, whether jobs wait at it; what is said is heard within `hearing`;
// - only the share of a pod that said "none" in the last 3 s (`fresh`) is borrowed;
// - a pod that said so uses its share no more while another pod wants it. It takes it back by saying "some", and uses
//   it when all have heard: 1.25 s later at most, beginning with an empty bucket;
// - a partition that is new here counts, for its share and in reports, when what its last owner said about it has been
//   corrected (after 1.25 s) or is stale.
//
// The bucket holds, while jobs wait here, what the share brings in 100 ms, at least 1 token; otherwise its share of
// that, so that pods which were idle do not start with a token each. It is empty when the pod starts. Hence
//
//   in any window W, all pods together take at most   rate × W + max(1, rate × 100 ms) + n,
//
// where n is the number of pods at which jobs wait when W begins: none after a pause.
// Not covered: a report that is heard x later than `hearing` can add rate × min(x, 3 s), and a pod that does not notice
// that its partitions are somebody else's uses their share until it does.
//
// Exactness: tokens are a double. A step of the clock brings at least rate × 1 µs and is rounded by less than 2^-53 of
// what the bucket holds, which is at most max(1 token, rate × 100 ms). So the error is under 10^-6 of the rate, if
// asked every millisecond, for 1 a day already, and less for all that is faster.
class QueueRate {
public:
    static constexpr Duration report_interval = std::chrono::seconds(1);
    static constexpr Duration fresh = std::chrono::seconds(3);
    static constexpr Duration hearing = std::chrono::milliseconds(250);  // 200 ms promised, and clocks that differ

    // max < 1: nothing is ever taken.
    explicit QueueRate(jobqueue::Rate rate);

    // From now on. Tokens that there are stay, as many as the bucket holds then.
    void set_rate(jobqueue::Rate rate, Time now);

    // Partitions that go are told before others that come.
    void set_partitions(int mine, int all, Time now);

    // Whether jobs wait here. Without demand nothing is taken.
    void demand(bool some, Time now);

    struct Report {
        int partitions = 0;
        bool has_demand = false;
        bool operator==(const Report&) const = default;
    };
    // What another pod said `at`, as the broker's clock has it. A new pod is told what was said in the last 3 s before
    // it gets partitions. Its own reports are not for it.
    void heard(const std::string& pod, Report report, Time at, Time now);
    void forget(const std::string& pod, Time now);  // everybody knows that it is gone
    // What is to be told to the others now, and when that is asked next (within 50 ms). Nothing: not before the
    // partitions change.
    std::optional<Report> report_due(Time now);
    std::optional<Time> report_at() const;

    bool take(Time now);
    // When to try take(): it may succeed then, or this names a later time. Nothing: not before some other call. Ask
    // anew after every other call.
    std::optional<Time> next_at(Time now);

private:
    struct Heard {
        Report report;
        Time at{};
    };

    void advance(Time now);
    void reckon_share();
    void clamp_tokens();

    double tokens_per_micro_;  // of the whole queue
    int mine_ = 0, all_ = 0;
    int counted_ = 0;   // of mine_: those that no report of their last owner covers any more
    Time gained_at_{};  // when mine_ grew
    bool demand_ = false;
    std::map<std::string, Heard> others_;
    std::optional<Time> reported_at_;
    int reported_partitions_ = 0;
    Time lent_until_{};  // until then somebody may be using this pod's share

    Time now_{};
    double share_ = 0;  // of the rate, from now_ until share_until_
    Time share_until_ = Time::max();
    double tokens_ = 0;
};

// At most `max` jobs of a key in any time `per`, sharply: of the places that a key was given, any max + 1 in a row span
// at least `per`; and up to `max` at once where none was given in the last `per`. For that each key has its last
// places; where max is over 64, places within per ÷ 64 are counted as one, at the end of it, so that a key is kept a
// little slower (by 1.6 % at most), never faster.
//
// Keys are hashes: two that are the same share a limit. A key is forgotten when its last place is `per` old, or within
// `per` after; so size() counts keys with a place in the last 2 × per or in the future.
class KeyRates {
public:
    // max < 1 counts as 1.
    explicit KeyRates(jobqueue::Rate rate);

    // From now on. The places that a key was given count for the new rate too, as far back as the old one looked.
    void set_rate(jobqueue::Rate rate, Time now);

    // Takes a place now, if there is one and nobody who came before waits for it.
    bool take(std::uint64_t key, Time now);

    // The time of the next free place, ≥ now.
    Time next_at(std::uint64_t key, Time now);

    // Takes the next free place, and says when it is: later than all that were given before, or at the same time. The
    // job is handed over then without another take(). If it is late, the promise is about places, not about jobs.
    Time reserve(std::uint64_t key, Time now);

    std::size_t size() const { return keys_.size(); }

private:
    struct Places {
        Time at{};
        int count = 0;
    };
    struct Key {
        std::vector<Places> given;  // the last ones, ascending; `max` places at most
        int count = 0;              // of them
        Time last{};
    };

    void advance(Time now);
    void take_rate(jobqueue::Rate rate);
    Time next_place(std::uint64_t key) const;
    void give(std::uint64_t key, Time place);

    int max_ = 1;
    Duration per_{1};
    Duration grain_{1};
    Time now_{};
    std::unordered_map<std::uint64_t, Key> keys_;
    std::deque<std::pair<Time, std::uint64_t>> looks_;  // when each key is looked at, whether to forget it
};

}  // namespace drover::sidecar
