#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "operator/core/decide.h"

namespace drover::operator_core {
namespace {

using std::chrono::seconds;

// Around this moment everything happens; a memory may also come from its future.
const Time noon = time_from_millis(1'800'000'000'000);

template <class T>
rc::Gen<std::optional<T>> perhaps(rc::Gen<T> some) {
    return rc::gen::mapcat(rc::gen::inRange(0, 4), [some](int choice) {
        return choice == 0 ? rc::gen::just(std::optional<T>())
                           : rc::gen::map(some, [](T value) { return std::optional<T>(value); });
    });
}
template <class T>
rc::Gen<std::optional<T>> surely(rc::Gen<T> some) {
    return rc::gen::map(some, [](T value) { return std::optional<T>(value); });
}
// Small ones, huge ones, and now and then a wrong one.
rc::Gen<std::int64_t> amount() {
    return rc::gen::weightedOneOf<std::int64_t>({{6, rc::gen::inRange<std::int64_t>(0, 3)},
                                                 {6, rc::gen::inRange<std::int64_t>(0, 5000)},
                                                 {2, rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000)},
                                                 {1, rc::gen::arbitrary<std::int64_t>()}});
}
rc::Gen<Duration> a_while() {
    return rc::gen::map(rc::gen::weightedOneOf<std::int64_t>({{8, rc::gen::inRange<std::int64_t>(0, 300'000'000)},
                                                              {1, rc::gen::just<std::int64_t>(0)},
                                                              {1, rc::gen::inRange<std::int64_t>(-1000, 1000)}}),
                        [](std::int64_t micros) { return Duration{micros}; });
}
// Never noon itself: what arrived since a look at that very moment may still scale out at the next.
rc::Gen<Time> a_time() {
    return rc::gen::map(rc::gen::inRange<std::int64_t>(-200'000, 30'000),
                        [](std::int64_t n) { return noon + std::chrono::milliseconds(2 * n + 1); });
}
rc::Gen<double> a_rate() {
    return rc::gen::map(rc::gen::inRange<std::int64_t>(-10, 1'000'000),
                        [](std::int64_t n) { return double(n) / 1000; });
}
rc::Gen<jobqueue::BusyCounters> counters() {
    return rc::gen::build<jobqueue::BusyCounters>(rc::gen::set(&jobqueue::BusyCounters::busy_us, amount()),
                                                  rc::gen::set(&jobqueue::BusyCounters::completions, amount()));
}

}  // namespace
}  // namespace drover::operator_core

namespace rc {
using namespace drover::operator_core;  // the generators above

template <>
struct Arbitrary<ScalingPolicy> {
    static Gen<ScalingPolicy> arbitrary() {
        return gen::build<ScalingPolicy>(
            gen::set(&ScalingPolicy::min_replicas,
                     gen::weightedElement<int>({{8, 0}, {2, 1}, {1, 5}, {1, 40}, {1, -3}})),
            gen::set(&ScalingPolicy::max_replicas,
                     gen::weightedElement<int>({{8, 20}, {2, 1}, {1, 3}, {1, 0}, {1, -1}})),
            gen::set(&ScalingPolicy::target_wait, a_while()),
            gen::set(&ScalingPolicy::target_lag, gen::inRange(-1, 300)),
            gen::set(&ScalingPolicy::idle_after, a_while()), gen::set(&ScalingPolicy::scale_in_window, a_while()),
            gen::set(&ScalingPolicy::concurrency, gen::inRange(-1, 40)),
            gen::set(&ScalingPolicy::rate_limit, perhaps(gen::map(gen::inRange(-1, 1000), [](int max) {
                return drover::jobqueue::Rate{max, seconds(1)};
            }))));
    }
};
template <>
struct Arbitrary<Observation> {
    static Gen<Observation> arbitrary() {
        return gen::build<Observation>(
            gen::set(&Observation::replicas, gen::inRange(-1, 30)),
            gen::set(&Observation::partitions, perhaps(gen::inRange(0, 30))),
            gen::set(&Observation::backlog, perhaps(amount())), gen::set(&Observation::end_offsets, perhaps(amount())),
            gen::set(&Observation::busy, perhaps(counters())),
            gen::set(&Observation::retries_due_soon, perhaps(amount())),
            gen::set(&Observation::in_flight, gen::inRange<std::int64_t>(-1, 3)),
            gen::set(&Observation::paused, gen::weightedElement<bool>({{9, false}, {1, true}})));
    }
};
template <>
struct Arbitrary<Memory> {
    static Gen<Memory> arbitrary() {
        return gen::build<Memory>(
            gen::set(&Memory::arrival_rate, a_rate()), gen::set(&Memory::end_offsets, perhaps(amount())),
            gen::set(&Memory::end_offsets_at, a_time()), gen::set(&Memory::service_seconds, perhaps(a_rate())),
            gen::set(&Memory::service_weight, a_rate()), gen::set(&Memory::busy, perhaps(counters())),
            gen::set(&Memory::busy_at, a_time()), gen::set(&Memory::last_busy, perhaps(a_time())),
            gen::set(&Memory::wishes, gen::container<std::vector<Memory::Wish>>(gen::build<Memory::Wish>(
                                          gen::set(&Memory::Wish::slice, a_time()),
                                          gen::set(&Memory::Wish::replicas, gen::inRange(-1, 30))))));
    }
};
}  // namespace rc

namespace drover::operator_core {
namespace {

int upper_bound_of(const ScalingPolicy& policy, const Observation& seen) {
    const int max = std::max(policy.max_replicas, 0);
    const bool known = seen.partitions && *seen.partitions >= 1;
    return std::max({policy.min_replicas, 0, known ? std::min(max, *seen.partitions) : max});
}
// Everything could be read, and nobody paused it.
rc::Gen<Observation> complete_observation() {
    return rc::gen::build<Observation>(rc::gen::set(&Observation::replicas, rc::gen::inRange(-1, 30)),
                                       rc::gen::set(&Observation::partitions, surely(rc::gen::inRange(1, 30))),
                                       rc::gen::set(&Observation::backlog, surely(amount())),
                                       rc::gen::set(&Observation::end_offsets, surely(amount())),
                                       rc::gen::set(&Observation::busy, surely(counters())),
                                       rc::gen::set(&Observation::retries_due_soon, surely(amount())),
                                       rc::gen::set(&Observation::in_flight, rc::gen::inRange<std::int64_t>(-1, 3)));
}
bool complete(const Observation& seen) {
    return seen.partitions && *seen.partitions >= 1 && seen.backlog && seen.end_offsets && seen.busy &&
           seen.retries_due_soon;
}

RC_GTEST_PROP(DecideProperties, B2_the_result_lies_between_the_minimum_and_the_cap,
              (const ScalingPolicy& policy, const Observation& seen, const Memory& memory)) {
    const Decision decision = decide(policy, seen, memory, noon);
    RC_ASSERT(decision.replicas >= std::max(policy.min_replicas, 0));
    RC_ASSERT(decision.replicas <= upper_bound_of(policy, seen));
}

RC_GTEST_PROP(DecideProperties, B2_more_backlog_never_means_fewer_replicas,
              (const ScalingPolicy& policy, const Observation& seen, const Memory& memory)) {
    Observation less = seen;
    less.backlog = *amount();
    Observation more = seen;
    more.backlog = *amount();
    if (*less.backlog > *more.backlog) std::swap(less, more);
    RC_ASSERT(decide(policy, less, memory, noon).replicas <= decide(policy, more, memory, noon).replicas);
}

RC_GTEST_PROP(DecideProperties, B2_whoever_has_something_to_do_has_a_replica,
              (const ScalingPolicy& policy, const Memory& memory)) {
    Observation seen = *complete_observation();
    switch (*rc::gen::inRange(0, 3)) {
        case 0: seen.backlog = *rc::gen::positive<std::int64_t>(); break;
        case 1: seen.in_flight = *rc::gen::positive<std::int64_t>(); break;
        default: seen.retries_due_soon = *rc::gen::positive<std::int64_t>();
    }
    RC_PRE(upper_bound_of(policy, seen) >= 1);
    RC_ASSERT(decide(policy, seen, memory, noon).replicas >= 1);
}

RC_GTEST_PROP(DecideProperties, B6_missing_figures_never_scale_in,
              (const ScalingPolicy& policy, const Observation& seen, const Memory& memory)) {
    RC_PRE(!complete(seen) || seen.paused);
    const int current = std::clamp(seen.replicas, std::max(policy.min_replicas, 0), upper_bound_of(policy, seen));
    const Decision decision = decide(policy, seen, memory, noon);
    RC_ASSERT(decision.replicas >= current);
    if (!seen.backlog || seen.paused) RC_ASSERT(decision.replicas == current);
}

RC_GTEST_PROP(DecideProperties, B2_the_same_observation_again_decides_the_same,
              (const ScalingPolicy& policy, Observation seen, const Memory& memory)) {
    const Decision first = decide(policy, seen, memory, noon);
    seen.replicas = first.replicas;
    RC_ASSERT(decide(policy, seen, first.next, noon).replicas == first.replicas);
}

RC_GTEST_PROP(DecideProperties, B2_the_same_observation_later_never_scales_out,
              (const ScalingPolicy& policy, Observation seen, const Memory& memory)) {
    const Decision first = decide(policy, seen, memory, noon);
    seen.replicas = first.replicas;
    const Time later = noon + std::max(*a_while(), Duration{0});
    RC_ASSERT(decide(policy, seen, first.next, later).replicas <= first.replicas);
}

RC_GTEST_PROP(DecideProperties, B2_no_wish_of_the_window_is_undercut_while_there_is_work,
              (const ScalingPolicy& policy, Memory memory)) {
    memory.wishes = {Memory::Wish{noon - std::chrono::hours(24), 0}};  // so that what is decided is what is wanted
    Observation seen = *complete_observation();
    seen.backlog = 1 + std::abs(*seen.backlog % 100'000);
    const Decision first = decide(policy, seen, memory, noon);
    seen.replicas = first.replicas;
    seen.backlog = 1;
    const Duration window = std::max(policy.scale_in_window, Duration{0});
    const Duration within{*rc::gen::inRange<std::int64_t>(0, window.count() + 1)};
    if (within <= window && window > Duration{0})
        RC_ASSERT(decide(policy, seen, first.next, noon + within).replicas >= first.replicas);
}

RC_GTEST_PROP(DecideProperties, B2_what_is_remembered_stays_small_and_whole,
              (const ScalingPolicy& policy, const Observation& seen, const Memory& memory)) {
    const Decision decision = decide(policy, seen, memory, noon);
    RC_ASSERT(decision.next.wishes.size() <= 14U);
    RC_ASSERT(decision.next.arrival_rate >= 0);
    RC_ASSERT((!decision.next.service_seconds || *decision.next.service_seconds >= 0));
    RC_ASSERT(!decision.reason.empty());
    RC_ASSERT(!decision.message.empty());
}

}  // namespace
}  // namespace drover::operator_core
