// What the operator counts, in Prometheus' text format. Room: operator. Owner thread: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "operator/core/decide.h"
#include "src/jobqueue/queue_figures.h"
#include "src/base/time.h"
#include "src/kube/object_key.h"
#include "src/telemetry/metrics.h"

namespace drover::operators {

// One queue as it is now.
struct QueueGauges {
    kube::ObjectKey queue;
    std::optional<jobqueue::QueueFigures> figures;
    std::optional<Time> oldest_since;
    std::optional<int> desired;
    std::int64_t ready = 0;
    bool is_ready = false;
};

// One Kafka that is in use, as of the last look.
struct KafkaGauges {
    std::string servers;
    Duration work{};  // that look's time
    bool reachable = false;
};

class OperatorMetrics {
public:
    OperatorMetrics();

    void reconciled(Duration took, bool ok);
    void scaled(const std::string& reason);
    void set_leading(bool leading) { leading_.set(leading ? 1 : 0); }
    void set_depth(std::size_t depth) { depth_.set(static_cast<double>(depth)); }

    // Of several entries for one Kafka, which have other credentials, the worst is shown.
    std::string text(const std::vector<QueueGauges>& queues, const std::vector<KafkaGauges>& kafkas, Time now) const;

private:
    telemetry::Metrics metrics_;
    telemetry::Gauge leading_, depth_;
    telemetry::Counter succeeded_, failed_;
    telemetry::Histogram took_;
};

}  // namespace drover::operators
