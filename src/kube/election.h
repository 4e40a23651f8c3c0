// Who leads, decided over one Lease. Room: kube. Pure: one owner, time and randomness passed in.
//
//   step(what came of the last action) → the next action
//
// Only differences of the own clock count, which must not stop while the machine sleeps; what others wrote about time
// is never reckoned with. Two never lead at once:
// - who leads does so until the moment at which it sent its last successful renewal, plus `renew_deadline`;
// - others take a lease that they have seen unchanged for its whole duration, measured from when they first saw it,
//   which is after that renewal was written, and so after it was sent;
// - the API server refuses a write over any version but the one that was read.
// As renew_deadline < lease_duration, the leader has stopped before; clocks may run apart by the factor between the
// two.
//
// A lease that somebody deletes is waited for as if it were there, by those who had seen it; a replica that starts in
// that moment knows nothing of it, and may lead beside the old leader until that one's next renewal or deadline.
//
// An identity belongs to one process: a restarted one has another.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "src/base/result.h"
#include "src/base/time.h"
#include "src/kube/lease.h"

namespace drover::kube {

struct ElectionSettings {
    std::string identity;
    std::chrono::seconds lease_duration{15};  // how long a leader that died is waited for
    Duration renew_deadline = std::chrono::seconds(10);
    Duration retry_period = std::chrono::seconds(2);
};

// Names the field that is wrong: 1.2 × retry_period < renew_deadline < lease_duration.
Result<void> check(const ElectionSettings& settings);

namespace election {

// What the shell is to do.
struct Read {};
struct Write {
    Lease lease;
    bool create = false;  // else a patch of lease.version
};
struct WaitUntil {
    Time time;
};
using Action = std::variant<Read, Write, WaitUntil>;

// What came of it.
struct Started {};  // nothing yet; also to begin anew
struct Found {
    Lease lease;
};
struct Absent {};
struct Written {
    Lease lease;  // as the API server has it now
};
struct Conflict {};  // somebody was first
struct Failed {};    // no answer, or an error; whether a write took effect is unknown
struct Woken {};
using Seen = std::variant<Started, Found, Absent, Written, Conflict, Failed, Woken>;

}  // namespace election

class Election {
public:
    // Settings that pass check(), else the program is wrong: it aborts.
    explicit Election(ElectionSettings settings);

    // `random`: from 0 to 1, spreads the retries of those who wait.
    election::Action step(const election::Seen& seen, Time now, double random);

    bool leads(Time now) const { return leads_until_ && now < *leads_until_; }
    std::optional<Time> leads_until() const { return leads_until_; }
    // Who leads, by the last lease that was seen; "": unknown or nobody.
    const std::string& holder() const;

    // Leads no more from now on. The write that gives the lease to whoever comes first, where it was held.
    std::optional<election::Write> release(Time now);

private:
    election::Action found(const Lease& lease, Time now, double random);
    election::Action renew(Time now);
    election::Action take(const Lease& from, bool create, Time now);
    election::Action absent(Time now, double random);
    Time free_at() const;  // when the observed lease may be taken
    Time retry_at(Time now, double random) const;
    void observe(const Lease& lease, Time now);
    bool is_mine() const { return observed_ && observed_->holder == settings_.identity; }

    ElectionSettings settings_;
    std::optional<Lease> observed_;
    Time observed_at_{};  // when it was first seen so
    Time sent_at_{};      // the write under way
    std::optional<Time> leads_until_;
};

}  // namespace drover::kube
