#include "src/kube/watch.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "src/kube/owner_calls.h"

namespace drover::kube {
namespace {

Duration since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
}

}  // namespace

class Watch::Loop {
public:
    Loop(ApiClient& client, Settings settings, boost::asio::any_io_executor owner, Listener& listener,
         std::weak_ptr<const bool> alive)
        : client_(client), settings_(std::move(settings)), owner_(std::move(owner), listener, std::move(alive)) {}

    void run(const std::stop_token& stop) {
        WatchStep step = state_.start();
        while (pause(step.after, stop)) {
            step = step.what == WatchStep::Do::list ? list(stop) : watch(step.version, stop);
        }
    }

private:
    WatchStep list(const std::stop_token& stop) {
        auto listed = client_.list(settings_.resource, settings_.selection, stop);
        if (!listed) {
            interrupted(listed.error());
            return state_.ended(listed.error(), Duration::zero(), random());
        }
        owner_.post([objects = std::move(listed->objects)](Listener& listener) mutable {
            listener.replaced(std::move(objects));
        });
        return state_.listed(listed->version, random());
    }

    WatchStep watch(const std::string& version, const std::stop_token& stop) {
        WatchOptions options;
        options.version = version;
        options.timeout = settings_.timeout + std::chrono::seconds(static_cast<std::int64_t>(
                                                  static_cast<double>(settings_.timeout.count()) / 2 * random()));
        options.idle = settings_.idle;
        const auto began = std::chrono::steady_clock::now();
        const auto ended = client_.watch(
            settings_.resource, settings_.selection, options,
            [&](WatchEvent event) { return take(std::move(event), stop); }, stop);
        if (ended) return state_.ended(std::nullopt, since(began), random());
        if (ended.error().reason != ApiError::Reason::expired) interrupted(ended.error());
        return state_.ended(ended.error(), since(began), random());
    }

    bool take(WatchEvent event, const std::stop_token& stop) {
        state_.advanced(std::move(event.version));
        if (event.type == WatchEvent::Type::deleted) {
            owner_.post([object = std::move(event.object)](Listener& listener) { listener.deleted(object); });
        } else if (event.type != WatchEvent::Type::bookmark) {
            owner_.post([object = std::move(event.object)](Listener& listener) mutable {
                listener.changed(std::move(object));
            });
        }
        return !stop.stop_requested();
    }

    void interrupted(const ApiError& error) {
        if (error.reason == ApiError::Reason::stopped) return;
        owner_.post([error](Listener& listener) { listener.interrupted(error); });
    }

    // False: it is to end.
    bool pause(Duration duration, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, duration, [] { return false; });
        return !stop.stop_requested();
    }

    double random() { return std::uniform_real_distribution<double>(0, 1)(dice_); }

    ApiClient& client_;
    const Settings settings_;
    const OwnerCalls<Listener> owner_;
    WatchState state_;
    std::mt19937_64 dice_{std::random_device{}()};
    std::mutex mutex_;
    std::condition_variable_any wake_;
};

Watch::Watch(ApiClient& client, Settings settings, boost::asio::any_io_executor owner, Listener& listener)
    : alive_(std::make_shared<const bool>(true)),
      loop_(std::make_unique<Loop>(client, std::move(settings), std::move(owner), listener, alive_)),
      thread_([loop = loop_.get()](const std::stop_token& stop) { loop->run(stop); }) {}

Watch::~Watch() {
    alive_.reset();
    thread_.request_stop();
    thread_.join();
}

}  // namespace drover::kube
