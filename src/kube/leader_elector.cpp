#include "src/kube/leader_elector.h"

#include <time.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <utility>
#include <variant>

#include "src/kube/owner_calls.h"

namespace drover::kube {
namespace {

// Since the machine was started, also while it slept: a leader that was suspended leads no more when it wakes.
Duration uptime() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::duration_cast<Duration>(std::chrono::seconds(now.tv_sec) +
                                                std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

class LeaderElector::Loop {
public:
    Loop(ApiClient& client, ObjectKey key, const ElectionSettings& settings, boost::asio::any_io_executor owner,
         Listener& listener, std::weak_ptr<const bool> alive)
        : client_(client),
          key_(std::move(key)),
          owner_(std::move(owner), listener, std::move(alive)),
          election_(settings) {}

    bool leads() const { return now().time_since_epoch().count() < leads_until_.load(); }

    void run(const std::stop_token& stop) {
        election::Seen seen = election::Started{};
        while (!stop.stop_requested()) {
            const auto action = election_.step(seen, now(), random());
            publish();
            seen = std::visit([&](const auto& what) { return perform(what, stop); }, action);
        }
        give_away();
    }

private:
    // A renewal that was cut off may have taken effect: the lease is a newer one then than was seen.
    void give_away() {
        const auto last = election_.release(now());
        publish();
        if (!last || !std::holds_alternative<election::Conflict>(perform(*last, {}))) return;
        election_.step(perform(election::Read{}, {}), now(), random());
        if (const auto again = election_.release(now())) perform(*again, {});
    }

    // A wall clock that goes as the uptime does.
    Time now() const { return wall_start_ + (uptime() - start_); }

    election::Seen perform(const election::Read&, const std::stop_token& stop) {
        const auto object = client_.get(leases, key_, stop);
        if (object) return election::Found{read_lease(*object)};
        if (object.error().reason == ApiError::Reason::not_found) return election::Absent{};
        return failed(object.error());
    }

    election::Seen perform(const election::Write& write, const std::stop_token& stop) {
        const auto object = write.create ? client_.create(leases, lease_object(key_, write.lease), {}, stop)
                                         : client_.merge_patch(leases, key_, "", lease_patch(write.lease), {}, stop);
        if (object) return election::Written{read_lease(*object)};
        switch (object.error().reason) {
            case ApiError::Reason::conflict:
            case ApiError::Reason::already_exists: return election::Conflict{};
            case ApiError::Reason::not_found:
                if (!write.create) return election::Absent{};
                [[fallthrough]];
            default: return failed(object.error());
        }
    }

    // Looks up at the end of the leadership too, so that it is told in time.
    election::Seen perform(const election::WaitUntil& wait, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (!stop.stop_requested()) {
            const Time before = now();
            if (before >= wait.time) break;
            publish();
            const auto until = election_.leads_until();
            const Time look = until && *until > before && *until < wait.time ? *until : wait.time;
            wake_.wait_for(lock, stop, look - before, [] { return false; });
        }
        publish();
        return election::Woken{};
    }

    election::Seen failed(const ApiError& error) {
        if (error.reason != ApiError::Reason::stopped) {
            owner_.post([error](Listener& listener) { listener.election_failed(error); });
        }
        return election::Failed{};
    }

    void publish() {
        const auto until = election_.leads_until();
        leads_until_.store(until ? until->time_since_epoch().count() : 0);
        const bool leads_now = leads();
        if (leads_now == told_) return;
        told_ = leads_now;
        if (leads_now) {
            owner_.post([](Listener& listener) { listener.leading(); });
        } else {
            owner_.post([holder = election_.holder()](Listener& listener) { listener.following(holder); });
        }
    }

    double random() { return std::uniform_real_distribution<double>(0, 1)(dice_); }

    ApiClient& client_;
    const ObjectKey key_;
    const OwnerCalls<Listener> owner_;
    const Duration start_ = uptime();
    const Time wall_start_ = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    Election election_;
    std::atomic<Duration::rep> leads_until_{0};
    bool told_ = false;
    std::mt19937_64 dice_{std::random_device{}()};
    std::mutex mutex_;
    std::condition_variable_any wake_;
};

LeaderElector::LeaderElector(ApiClient& client, ObjectKey lease, const ElectionSettings& settings,
                             boost::asio::any_io_executor owner, Listener& listener)
    : alive_(std::make_shared<const bool>(true)),
      loop_(std::make_unique<Loop>(client, std::move(lease), settings, std::move(owner), listener, alive_)),
      thread_([loop = loop_.get()](const std::stop_token& stop) { loop->run(stop); }) {}

LeaderElector::~LeaderElector() {
    alive_.reset();
    thread_.request_stop();
    thread_.join();
}

bool LeaderElector::leads() const { return loop_->leads(); }

}  // namespace drover::kube
