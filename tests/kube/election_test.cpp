#include "src/kube/election.h"

#include <memory>
#include <queue>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::kube {
namespace {

using namespace std::chrono_literals;
using namespace election;

constexpr Time start{std::chrono::hours(24 * 365 * 56)};

Lease held_by(const std::string& holder, const std::string& version, std::chrono::seconds duration = 15s) {
    Lease lease;
    lease.holder = holder;
    lease.duration = duration;
    lease.version = version;
    return lease;
}

Time waits_until(const Action& action) {
    const auto* wait = std::get_if<WaitUntil>(&action);
    EXPECT_TRUE(wait);
    return wait ? wait->time : Time{};
}

const Write& writes(const Action& action) {
    static const Write none;
    const auto* write = std::get_if<Write>(&action);
    EXPECT_TRUE(write);
    return write ? *write : none;
}

TEST(Election, B9_leads_from_the_moment_it_wrote_the_lease_until_its_renew_deadline) {
    Election election({"me"});
    EXPECT_TRUE(std::holds_alternative<Read>(election.step(Started{}, start, 0)));
    const auto action = election.step(Absent{}, start + 1s, 0);
    EXPECT_TRUE(writes(action).create);
    EXPECT_EQ(writes(action).lease.holder, "me");
    EXPECT_EQ(writes(action).lease.duration, 15s);
    EXPECT_FALSE(election.leads(start + 1s));
    // It was sent at 1 s; that its answer took 3 s is time of the lease.
    EXPECT_EQ(waits_until(election.step(Written{held_by("me", "1")}, start + 4s, 0)), start + 3s);
    EXPECT_TRUE(election.leads(start + 4s));
    EXPECT_TRUE(election.leads(start + 11s - 1us));
    EXPECT_FALSE(election.leads(start + 11s));
}

TEST(Election, B9_renews_without_reading_first) {
    Election election({"me"});
    election.step(Absent{}, start, 0);
    election.step(Written{held_by("me", "1")}, start, 0);
    const auto action = election.step(Woken{}, start + 2s, 0);
    EXPECT_FALSE(writes(action).create);
    EXPECT_EQ(writes(action).lease.version, "1");
    election.step(Written{held_by("me", "2")}, start + 2s, 0);
    EXPECT_EQ(election.leads_until(), start + 12s);
}

TEST(Election, B9_a_standby_takes_a_lease_that_it_saw_unchanged_for_its_duration) {
    Election election({"me"});
    const Lease other = held_by("other", "7");
    EXPECT_LE(waits_until(election.step(Found{other}, start, 0)), start + 2s);
    EXPECT_LE(waits_until(election.step(Found{other}, start + 14s, 0)), start + 15s);
    const auto action = election.step(Found{other}, start + 15s, 0);
    EXPECT_EQ(writes(action).lease.version, "7");
    EXPECT_EQ(writes(action).lease.transitions, 1);
    EXPECT_FALSE(election.leads(start + 15s));
}

TEST(Election, B9_a_renewal_begins_the_wait_anew) {
    Election election({"me"});
    election.step(Found{held_by("other", "7")}, start, 0);
    EXPECT_GT(waits_until(election.step(Found{held_by("other", "8")}, start + 14s, 0)), start + 15s);
    EXPECT_GT(waits_until(election.step(Found{held_by("other", "8")}, start + 28s, 0)), start + 28s);
    writes(election.step(Found{held_by("other", "8")}, start + 29s, 0));
}

TEST(Election, the_duration_that_the_holder_wrote_counts_and_its_clock_does_not) {
    Election election({"me"});
    Lease lease = held_by("other", "7", 60s);
    lease.renewed = start - 24h;
    election.step(Found{lease}, start, 0);
    waits_until(election.step(Found{lease}, start + 59s, 0));
    writes(election.step(Found{lease}, start + 60s, 0));
}

TEST(Election, B9_a_lease_that_was_given_away_is_taken_at_once) {
    Election election({"me"});
    election.step(Found{held_by("other", "7")}, start, 0);
    writes(election.step(Found{held_by("", "8", 1s)}, start + 1s, 0));
}

TEST(Election, a_lease_that_was_deleted_is_waited_for_by_who_knew_it) {
    Election election({"me"});
    election.step(Found{held_by("other", "7")}, start, 0);
    waits_until(election.step(Absent{}, start + 14s, 0));
    EXPECT_TRUE(writes(election.step(Absent{}, start + 15s, 0)).create);
}

TEST(Election, B9_a_leader_that_finds_another_in_its_place_stops_at_once) {
    Election election({"me"});
    election.step(Absent{}, start, 0);
    election.step(Written{held_by("me", "1")}, start, 0);
    EXPECT_TRUE(std::holds_alternative<Read>(election.step(Conflict{}, start + 2s, 0)));
    EXPECT_TRUE(election.leads(start + 2s));
    waits_until(election.step(Found{held_by("other", "2")}, start + 3s, 0));
    EXPECT_FALSE(election.leads(start + 3s));
    EXPECT_EQ(election.holder(), "other");
}

TEST(Election, B9_a_leader_that_cannot_renew_tries_on_and_leads_again_when_it_can) {
    Election election({"me"});
    election.step(Absent{}, start, 0);
    election.step(Written{held_by("me", "1")}, start, 0);
    Time now = start + 2s;
    for (; now < start + 14s; now = waits_until(election.step(Failed{}, now, 0.5))) {
        writes(election.step(Woken{}, now, 0));
        EXPECT_EQ(election.leads(now), now < start + 10s);
    }
    writes(election.step(Woken{}, now, 0));
    election.step(Written{held_by("me", "2")}, now, 0);
    EXPECT_TRUE(election.leads(now));
}

TEST(Election, a_write_of_its_own_whose_answer_was_lost_is_recognised) {
    Election election({"me"});
    election.step(Absent{}, start, 0);
    waits_until(election.step(Failed{}, start + 5s, 0));
    EXPECT_TRUE(std::holds_alternative<Read>(election.step(Woken{}, start + 7s, 0)));
    EXPECT_EQ(writes(election.step(Found{held_by("me", "1")}, start + 7s, 0)).lease.version, "1");
    EXPECT_FALSE(election.leads(start + 7s));
    election.step(Written{held_by("me", "2")}, start + 7s, 0);
    EXPECT_TRUE(election.leads(start + 7s));
}

TEST(Election, B9_giving_the_lease_away_ends_the_leadership_before_it_is_written) {
    Election election({"me"});
    EXPECT_FALSE(election.release(start));
    election.step(Absent{}, start, 0);
    election.step(Written{held_by("me", "1")}, start, 0);
    const auto write = election.release(start + 1s);
    ASSERT_TRUE(write);
    EXPECT_EQ(write->lease.holder, "");
    EXPECT_EQ(write->lease.version, "1");
    EXPECT_FALSE(election.leads(start + 1s));
    EXPECT_FALSE(election.release(start + 1s));
}

TEST(Election, settings_that_two_could_lead_by_are_refused) {
    EXPECT_TRUE(check({"me"}));
    EXPECT_FALSE(check({""}));
    EXPECT_FALSE(check({"me", 10s, 10s, 2s}));
    EXPECT_FALSE(check({"me", 15s, 2s, 2s}));
    EXPECT_FALSE(check({"me", 15s, 10s, 0s}));
}

TEST(Election, a_lease_reads_back_as_it_was_written) {
    Lease lease = held_by("me", "3");
    lease.acquired = start + 1234567us;
    lease.renewed = start + 5s;
    lease.transitions = 4;
    auto object = lease_object({"shop", "drover"}, lease);
    EXPECT_EQ(object["spec"]["acquireTime"], "2025-12-18T00:00:01.234567Z");
    object["metadata"]["resourceVersion"] = "3";
    EXPECT_EQ(read_lease(object), lease);
    EXPECT_EQ(read_lease(lease_patch(lease)), lease);
    EXPECT_EQ(read_lease(nlohmann::json::array()), Lease{});
    EXPECT_EQ(read_lease({{"spec", {{"leaseDurationSeconds", -5}, {"holderIdentity", 3}}}}), Lease{});
}

// Several replicas, one API server. Each replica has a clock of its own, which is off and goes up to a tenth too fast
// or too slow; requests take their time, and get lost, or their answers do; replicas freeze, end and are started anew.
class World {
public:
    World(int replicas, std::vector<int> dice) : dice_(std::move(dice)) {
        for (int i = 0; i < replicas; ++i) replicas_.push_back(made());
        for (std::size_t i = 0; i < replicas_.size(); ++i) act(i, Started{});
    }

    void run(Duration duration, bool faults) {
        faults_ = faults;
        const Time end = now_ + duration;
        while (!due_.empty() && due_.top().at <= end) {
            const Event event = due_.top();
            due_.pop();
            check_at(event.at);
            now_ = event.at;
            event.run();
            RC_ASSERT(leaders() <= 1);
        }
        now_ = end;
    }

    int leaders() const {
        int count = 0;
        for (const auto& replica : replicas_) count += replica->election.leads(replica->clock(now_));
        return count;
    }

private:
    struct Replica {
        Replica(std::string identity, Duration clock_off, double clock_rate)
            : election({std::move(identity)}), off(clock_off), rate(clock_rate) {}
        Time clock(Time true_time) const {
            return start + off + std::chrono::duration_cast<Duration>((true_time - start) * rate);
        }
        Time true_time(Time by_clock) const {
            return start + std::chrono::duration_cast<Duration>((by_clock - start - off) / rate) + 1us;
        }
        Election election;
        Duration off;
        double rate;
    };
    struct Event {
        Time at;
        std::uint64_t number;
        std::function<void()> run;
        bool operator<(const Event& other) const { return std::tie(other.at, other.number) < std::tie(at, number); }
    };

    // Leaderships end between events; they begin only at one. So it is enough to look just before and after each.
    void check_at(Time at) {
        now_ = at - 1us;
        RC_ASSERT(leaders() <= 1);
    }

    int roll(int sides) {
        at_die_ = (at_die_ + 1) % dice_.size();
        // A few thrown dice make many: a multiplicative hash over how many were thrown.
        const auto mixed = (static_cast<std::uint64_t>(dice_[at_die_]) + ++thrown_) * 0x9E3779B97F4A7C15U;
        return static_cast<int>((mixed >> 33U) % static_cast<std::uint64_t>(sides));
    }
    Duration a_while(int millis) { return std::chrono::milliseconds(1 + roll(millis)); }

    std::shared_ptr<Replica> made() {
        return std::make_shared<Replica>("replica-" + std::to_string(++made_), std::chrono::seconds(roll(10'000)),
                                         0.9 + 0.02 * roll(11));
    }
    void at(Time time, std::function<void()> run) {
        due_.push({std::max(time, now_ + 1us), ++number_, std::move(run)});
    }

    void act(std::size_t index, const Seen& seen) {
        if (faults_ && roll(100) == 0) {  // ends, without giving the lease away; another starts
            replicas_[index] = made();
            return at(now_ + a_while(5000), [this, index] { act(index, Started{}); });
        }
        const auto replica = replicas_[index];
        const auto action = replica->election.step(seen, replica->clock(now_), roll(100) / 100.0);
        if (const auto* wait = std::get_if<WaitUntil>(&action)) {
            Time until = replica->true_time(wait->time);
            if (faults_ && roll(30) == 0) until += a_while(40'000);  // frozen
            return at(until, [this, index] { act(index, Woken{}); });
        }
        // The way there, and back.
        const bool lost = faults_ && roll(10) == 0;
        const Duration there = a_while(faults_ ? 4000 : 100), back = a_while(faults_ ? 4000 : 100);
        if (lost) return at(now_ + there + back + 3s, [this, index] { act(index, Failed{}); });
        at(now_ + there, [this, index, action, back] {
            const Seen answer = serve(action);
            const bool answer_lost = faults_ && roll(10) == 0;
            at(now_ + back, [this, index, answer, answer_lost] { act(index, answer_lost ? Seen{Failed{}} : answer); });
        });
    }

    Seen serve(const Action& action) {
        if (std::holds_alternative<Read>(action)) return lease_ ? Seen{Found{*lease_}} : Seen{Absent{}};
        const auto& write = std::get<Write>(action);
        if (write.create && lease_) return Conflict{};
        if (!write.create && (!lease_ || lease_->version != write.lease.version)) return Conflict{};
        lease_ = write.lease;
        lease_->version = std::to_string(++version_);
        return Written{*lease_};
    }

    std::vector<int> dice_;
    std::size_t at_die_ = 0;
    std::uint64_t thrown_ = 0;
    Time now_ = start;
    std::priority_queue<Event> due_;
    std::uint64_t number_ = 0;
    std::vector<std::shared_ptr<Replica>> replicas_;
    int made_ = 0;
    std::optional<Lease> lease_;
    int version_ = 0;
    bool faults_ = true;
};

RC_GTEST_PROP(ElectionWorld, B9_never_two_lead_and_one_does_when_the_trouble_is_over, ()) {
    const auto dice = *rc::gen::container<std::vector<int>>(64, rc::gen::inRange(0, 1'000'000));
    World world(*rc::gen::inRange(1, 5), dice);
    world.run(10min, true);
    // A frozen replica sleeps for 40 s at most; then a lease has to run out.
    world.run(3min, false);
    RC_ASSERT(world.leaders() == 1);
}

}  // namespace
}  // namespace drover::kube
