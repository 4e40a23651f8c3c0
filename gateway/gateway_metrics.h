// The gateway's metrics, by Prometheus' conventions, and a few by the names of older systems. Room: gateway.
// One thread.
#pragma once

#include <string>
#include <string_view>

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
};

}  // namespace drover::gateway
