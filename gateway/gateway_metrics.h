// The gateway's metrics, by Prometheus' conventions, and a few by the names of older systems. Room: gateway.
// One thread.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/core/job.h"
#include "gateway/view/view_feeder.h"
#include "src/telemetry/metrics.h"

namespace drover::gateway {

class GatewayMetrics {
public:
    void answered(std::string_view method, std::string_view route, int status, Duration took);
    void submitted(const std::string& queue, bool accepted);
    void ended(const Job& job);  // a job that has just ended
    void counted(const std::string& queue, const StateCounts& counts, std::int64_t dead);
    void fed(const FeederStatus& status);

    std::string text() const { return metrics_.text(); }
    telemetry::Metrics& registry() { return metrics_; }

private:
    telemetry::Metrics metrics_;
    std::set<std::pair<std::string, std::string>> types_;  // queue and job type that have a metric of their own
};

}  // namespace drover::gateway
