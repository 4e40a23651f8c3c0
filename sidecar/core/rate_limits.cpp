#include "sidecar/core/rate_limits.h"

#include <algorithm>
#include <cmath>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;

constexpr Duration burst = 100ms;
constexpr int exact_places = 64;  // a key's last places, to the microsecond; of more, so many groups

double micros(Duration duration) { return static_cast<double>(duration.count()); }

double per_micro(jobqueue::Rate rate) { return std::max(rate.max, 0) / micros(std::max(rate.per, Duration(1))); }

}  // namespace

// --- a queue's rate ---

QueueRate::QueueRate(jobqueue::Rate rate) : tokens_per_micro_(per_micro(rate)) {}

void QueueRate::set_rate(jobqueue::Rate rate, Time now) {
    advance(now);
    tokens_per_micro_ = per_micro(rate);
    clamp_tokens();
}

void QueueRate::set_partitions(int mine, int all, Time now) {
    advance(now);
    all_ = std::max(all, 0);
    mine = std::clamp(mine, 0, all_);
    if (mine > mine_) gained_at_ = now_;
    counted_ = std::min(counted_, mine);
    mine_ = mine;
    reckon_share();
}

void QueueRate::demand(bool some, Time now) {
    advance(now);
    demand_ = some;
    clamp_tokens();
}

void QueueRate::heard(const std::string& pod, Report report, Time at, Time now) {
    advance(now);
    at = std::min(at, now_);
    Heard& last = others_[pod];
    if (at < last.at) return;
    last = {.report = report, .at = at};
    reckon_share();
}

void QueueRate::forget(const std::string& pod, Time now) {
    advance(now);
    others_.erase(pod);
    reckon_share();
}

std::optional<Time> QueueRate::report_at() const {
    if (mine_ == all_) return std::nullopt;                            // there is nobody else
    if (mine_ == 0 && reported_partitions_ == 0) return std::nullopt;  // nothing that others could count on
    return reported_at_ ? *reported_at_ + report_interval : now_;
}

std::optional<QueueRate::Report> QueueRate::report_due(Time now) {
    advance(now);
    const std::optional<Time> due = report_at();
    if (!due || now_ < *due) return std::nullopt;
    const bool lends = !demand_ && counted_ > 0;
    lent_until_ = lends ? now_ + fresh + hearing : std::min(lent_until_, now_ + hearing);
    reported_at_ = now_;
    reported_partitions_ = counted_;
    reckon_share();
    return Report{.partitions = counted_, .has_demand = demand_};
}

bool QueueRate::take(Time now) {
    advance(now);
    if (!demand_ || tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
}

std::optional<Time> QueueRate::next_at(Time now) {
    advance(now);
    if (!demand_) return std::nullopt;
    if (tokens_ >= 1) return now_;
    Time at = share_until_;
    if (const double speed = share_ * tokens_per_micro_; speed > 0) {
        const double wait = std::clamp(std::ceil((1 - tokens_) / speed), 1.0, 1e15);  // 1e15: 31 years
        at = std::min(at, now_ + Duration(static_cast<std::int64_t>(wait)));
    }
    if (at == Time::max()) return std::nullopt;
    return at;
}

void QueueRate::advance(Time now) {
    while (now_ < now) {
        const Time end = std::min(now, share_until_);
        tokens_ += share_ * tokens_per_micro_ * micros(end - now_);
        now_ = end;
        clamp_tokens();
        if (now_ == share_until_) reckon_share();
    }
}

void QueueRate::reckon_share() {
    share_until_ = Time::max();
    const auto holds_until = [this](Time time) { share_until_ = std::min(share_until_, time); };

    std::erase_if(others_, [this](const auto& other) { return now_ - other.second.at >= fresh; });
    const int of_others = all_ - mine_;
    std::int64_t idle = 0;  // partitions of pods that said that they have nothing to do
    bool is_wanted = false;
    bool is_outdated = false;
    for (const auto& [pod, said] : others_) {
        const int partitions = std::max(said.report.partitions, 0);
        if (said.report.has_demand) {
            is_wanted = is_wanted || partitions > 0;
        } else {
            idle += partitions;
            is_outdated = is_outdated || said.at < gained_at_ + hearing;
        }
        holds_until(said.at + fresh);
    }
    idle = std::min<std::int64_t>(idle, of_others);
    is_wanted = is_wanted || idle < of_others;  // who says nothing may want it

    const Time corrected_at = gained_at_ + report_interval + hearing;
    if (of_others == 0 || (now_ >= corrected_at && !is_outdated)) {
        counted_ = mine_;
    } else if (now_ < corrected_at) {
        holds_until(corrected_at);
    }

    if (counted_ == 0) {
        share_ = 0;
    } else if (of_others > 0 && now_ < lent_until_) {
        share_ = is_wanted ? 0 : static_cast<double>(counted_) / all_;
        holds_until(lent_until_);
    } else {
        share_ = static_cast<double>(counted_) / static_cast<double>(all_ - idle);
    }
    clamp_tokens();
}

void QueueRate::clamp_tokens() {
    const double in_burst = tokens_per_micro_ * micros(burst);
    const double most = demand_ ? std::max(1.0, share_ * in_burst) : share_ * std::max(1.0, in_burst);
    tokens_ = std::min(tokens_, most);
}

// --- a key's rate ---

KeyRates::KeyRates(jobqueue::Rate rate) { take_rate(rate); }

void KeyRates::take_rate(jobqueue::Rate rate) {
    max_ = std::max(rate.max, 1);
    per_ = std::max(rate.per, Duration(1));
    grain_ = max_ <= exact_places ? Duration(1) : per_ / exact_places + Duration(1);
}

void KeyRates::set_rate(jobqueue::Rate rate, Time now) {
    advance(now);
    take_rate(rate);
    looks_.clear();
    for (auto& [key, places] : keys_) {
        // Of more than `max` the last ones tell when there is a free one.
        for (auto oldest = places.given.begin(); places.count > max_; ++oldest) {
            const int gone = std::min(oldest->count, places.count - max_);
            oldest->count -= gone;
            places.count -= gone;
        }
        std::erase_if(places.given, [](const Places& each) { return each.count == 0; });
        looks_.emplace_back(now_ + per_, key);
    }
}

bool KeyRates::take(std::uint64_t key, Time now) {
    advance(now);
    const Time place = next_place(key);
    if (place > now_) return false;
    give(key, place);
    return true;
}

Time KeyRates::next_at(std::uint64_t key, Time now) {
    advance(now);
    return next_place(key);
}

Time KeyRates::reserve(std::uint64_t key, Time now) {
    advance(now);
    const Time place = next_place(key);
    give(key, place);
    return place;
}

void KeyRates::advance(Time now) {
    now_ = std::max(now_, now);
    // Every key is in the queue once. Those that are still in use are looked at again in a while, so it stays in order.
    while (!looks_.empty() && looks_.front().first <= now_) {
        const std::uint64_t key = looks_.front().second;
        looks_.pop_front();
        const auto found = keys_.find(key);
        if (found->second.last + per_ <= now_) {
            keys_.erase(found);
        } else {
            looks_.emplace_back(now_ + per_, key);
        }
    }
}

Time KeyRates::next_place(std::uint64_t key) const {
    const auto found = keys_.find(key);
    if (found == keys_.end()) return now_;
    const Key& places = found->second;
    Time place = std::max(now_, places.last);
    int count = places.count;
    auto oldest = places.given.begin();
    while (oldest != places.given.end() && oldest->at + per_ <= place) count -= (oldest++)->count;
    if (count >= max_) place = oldest->at + per_;
    return place;
}

void KeyRates::give(std::uint64_t key, Time place) {
    const auto [found, is_new] = keys_.try_emplace(key);
    if (is_new) looks_.emplace_back(now_ + per_, key);
    Key& places = found->second;
    std::erase_if(places.given, [&](const Places& old) {
        if (old.at + per_ > place) return false;
        places.count -= old.count;
        return true;
    });
    const Time at((place.time_since_epoch() + grain_ - Duration(1)) / grain_ * grain_);
    if (places.given.empty() || places.given.back().at != at) places.given.push_back({.at = at});
    ++places.given.back().count;
    ++places.count;
    places.last = place;
}

}  // namespace drover::sidecar
