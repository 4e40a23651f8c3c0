#include "gateway/topic_maker.h"

#include <boost/asio/post.hpp>

#include "src/jobqueue/shared_topics.h"
#include "src/kafka/admin.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto call_timeout = 5s;
constexpr auto pause = 500ms;

}  // namespace

TopicMaker::TopicMaker(kafka::Settings settings, boost::asio::any_io_executor owner, Tried tried)
    : settings_(std::move(settings)),
      owner_(std::move(owner)),
      tried_(std::make_shared<Tried>(std::move(tried))),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void TopicMaker::run(const std::stop_token& stop) {
    std::string said;
    while (!stop.stop_requested()) {
        const Result<void> made = make();
        boost::asio::post(owner_, [weak = std::weak_ptr(tried_), made] {
            if (const auto tried = weak.lock()) (*tried)(made);
        });
        if (made) return;
        if (said != made.error().message) log::warn("waiting for Kafka", {{"error", made.error().message}});
        said = made.error().message;
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, stop, pause, [] { return false; });
    }
}

Result<void> TopicMaker::make() const {
    const auto admin = kafka::Admin::connect(settings_, call_timeout);
    if (!admin) return tl::unexpected(admin.error());
    const Result<int> brokers = (*admin)->broker_count();
    if (!brokers) return tl::unexpected(brokers.error());
    std::vector<kafka::TopicSpec> specs;
    for (jobqueue::SharedTopic& each : jobqueue::shared_topics(*brokers)) {
        specs.push_back({std::move(each.topic), each.partitions, each.replication_factor, std::move(each.config)});
    }
    return (*admin)->ensure_topics(specs);
}

}  // namespace drover::gateway
