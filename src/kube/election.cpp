#include "src/kube/election.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <utility>

namespace drover::kube {

using namespace election;

Result<void> check(const ElectionSettings& settings) {
    if (settings.identity.empty()) return failure(Error::Code::invalid, "leader election: identity is empty");
    if (settings.retry_period <= Duration::zero()) {
        return failure(Error::Code::invalid, "leader election: the retry period has to be above 0");
    }
    if (settings.renew_deadline <= settings.retry_period + settings.retry_period / 5) {
        return failure(Error::Code::invalid, "leader election: the renew deadline has to be above 1.2 retry periods");
    }
    if (settings.lease_duration <= settings.renew_deadline) {
        return failure(Error::Code::invalid, "leader election: the lease duration has to be above the renew deadline");
    }
    return {};
}

Election::Election(ElectionSettings settings) : settings_(std::move(settings)) {
    if (const auto checked = check(settings_); !checked) {
        std::fprintf(stderr, "drover: %s\n", checked.error().message.c_str());
        std::abort();
    }
}

Action Election::step(const Seen& seen, Time now, double random) {
    if (const auto* found_lease = std::get_if<Found>(&seen)) return found(found_lease->lease, now, random);
    if (std::holds_alternative<Absent>(seen)) return absent(now, random);
    if (const auto* written = std::get_if<Written>(&seen)) {
        observe(written->lease, now);
        if (is_mine()) leads_until_ = sent_at_ + settings_.renew_deadline;
        return WaitUntil{sent_at_ + settings_.retry_period};
    }
    if (std::holds_alternative<Failed>(seen)) return WaitUntil{retry_at(now, random)};
    if (std::holds_alternative<Woken>(seen) && is_mine()) return renew(now);
    return Read{};
}

Action Election::found(const Lease& lease, Time now, double random) {
    observe(lease, now);
    if (is_mine()) return renew(now);
    leads_until_.reset();
    if (now >= free_at()) return take(lease, false, now);
    return WaitUntil{std::min(retry_at(now, random), free_at())};
}

Action Election::absent(Time now, double random) {
    if (!is_mine() && now < free_at()) return WaitUntil{std::min(retry_at(now, random), free_at())};
    return take({}, true, now);
}

Time Election::free_at() const {
    if (!observed_ || observed_->holder.empty()) return Time::min();
    return observed_at_ + (observed_->duration.count() > 0 ? observed_->duration : settings_.lease_duration);
}

Action Election::renew(Time now) {
    Lease lease = *observed_;
    lease.duration = settings_.lease_duration;
    lease.renewed = now;
    sent_at_ = now;
    return Write{std::move(lease)};
}

Action Election::take(const Lease& from, bool create, Time now) {
    Lease lease;
    lease.holder = settings_.identity;
    lease.duration = settings_.lease_duration;
    lease.acquired = lease.renewed = now;
    lease.version = from.version;
    if (!create) {
        const bool room = from.transitions < std::numeric_limits<std::int32_t>::max();  // its type in Kubernetes
        lease.transitions = room ? std::max<std::int64_t>(from.transitions, 0) + 1 : 0;
    }
    leads_until_.reset();
    sent_at_ = now;
    return Write{std::move(lease), create};
}

Time Election::retry_at(Time now, double random) const {
    const double part = random >= 0 && random <= 1 ? random : 0;
    const auto spread = static_cast<double>(settings_.retry_period.count()) / 5 * part;
    return now + settings_.retry_period + Duration(static_cast<Duration::rep>(spread));
}

void Election::observe(const Lease& lease, Time now) {
    if (observed_ == lease) return;
    observed_ = lease;
    observed_at_ = now;
}

const std::string& Election::holder() const {
    static const std::string nobody;
    return observed_ ? observed_->holder : nobody;
}

std::optional<Write> Election::release(Time now) {
    leads_until_.reset();
    if (!is_mine()) return std::nullopt;
    Lease lease = *observed_;
    lease.holder.clear();
    lease.duration = std::chrono::seconds(1);  // Kubernetes wants more than 0
    lease.renewed = now;
    observed_.reset();
    return Write{std::move(lease)};
}

}  // namespace drover::kube
