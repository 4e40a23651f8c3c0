// The gateway's metrics, by Prometheus' conventions, and a few by the names of older systems. Room: gateway.
// One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "gateway/core/job.h"
#include "gateway/core/webhook_outbox.h"
#include "gateway/scheduler/scheduler.h"
#include "gateway/view/view_feeder.h"
#include "src/telemetry/metrics.h"

namespace drover::gateway {

class GatewayMetrics {
public:
    // `method` and `route` outlive it.
    void answered(std::string_view method, std::string_view route, int status, Duration took);
    void submitted(const std::string& queue, bool accepted);
    void ended(const Job& job);  // a job that has just ended
    void counted(const std::string& queue, const StateCounts& counts, std::int64_t dead);
    void fed(const FeederStatus& status);
    void scheduled(const SchedulerStatus& status);
    void told(const std::string& webhook, WebhookOutbox::Outcome outcome);  // an attempt to deliver a message

    std::string text() const { return metrics_.text(); }
    telemetry::Metrics& registry() { return metrics_; }

private:
    struct Answered {
        telemetry::Counter count;
        telemetry::Histogram took;
    };

    telemetry::Metrics metrics_;
    std::map<std::tuple<std::string_view, std::string_view, int>, Answered> answered_;  // method, route, status
    std::map<std::pair<std::string, bool>, telemetry::Counter> submitted_;              // queue, whether accepted
    SchedulerStatus scheduler_;                                                         // as it was told last
    std::set<std::pair<std::string, std::string>> types_;  // queue and job type that have a metric of their own
};

}  // namespace drover::gateway
