#include "operator/operator_metrics.h"

#include <algorithm>
#include <map>

namespace drover::operators {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

constexpr const char* reconciles = "drover_operator_reconciles_total";
constexpr const char* reconciles_help = "Reconciles of JobQueues";

}  // namespace

OperatorMetrics::OperatorMetrics()
    : leading_(metrics_.gauge("drover_operator_leading", "1 while this replica is the leader")),
      depth_(metrics_.gauge("drover_operator_work_queue_depth", "JobQueues that wait for a reconcile or its time")),
      succeeded_(metrics_.counter(reconciles, reconciles_help, {{"result", "ok"}})),
      failed_(metrics_.counter(reconciles, reconciles_help, {{"result", "error"}})),
      took_(metrics_.histogram("drover_operator_reconcile_seconds", "Time of a reconcile")) {}

void OperatorMetrics::reconciled(Duration took, bool ok) {
    (ok ? succeeded_ : failed_).add();
    took_.observe(seconds(took));
}

void OperatorMetrics::scaled(const std::string& reason) {
    metrics_.counter("drover_scale_decisions_total", "Changes of a queue's replicas", {{"reason", reason}}).add();
}

std::string OperatorMetrics::text(const std::vector<QueueGauges>& queues, const std::vector<KafkaGauges>& kafkas,
                                  Time now) const {
    telemetry::Metrics present;  // made anew each time, so that what is gone is not shown
    std::map<std::string, KafkaGauges> worst;
    for (const KafkaGauges& each : kafkas) {
        KafkaGauges& one = worst.try_emplace(each.servers, each).first->second;
        one.work = std::max(one.work, each.work);
        one.reachable = one.reachable && each.reachable;
    }
    for (const auto& [servers, each] : worst) {
        const telemetry::Labels labels{{"bootstrap_servers", servers}};
        present.gauge("drover_operator_lag_read_seconds", "Time of the last look at a Kafka", labels)
            .set(seconds(each.work));
        present.gauge("drover_operator_kafka_reachable", "1 while a Kafka answers", labels).set(each.reachable ? 1 : 0);
    }
    for (const QueueGauges& each : queues) {
        const telemetry::Labels labels{{"namespace", each.queue.namespace_name}, {"queue", each.queue.name}};
        const auto gauge = [&](const char* name, const char* help, double value) {
            present.gauge(name, help, labels).set(value);
        };
        gauge("drover_queue_ready", "1 while the queue's condition Ready is True", each.is_ready ? 1 : 0);
        gauge("drover_queue_replicas_ready", "Worker pods that are ready", static_cast<double>(each.ready));
        if (each.desired) {
            gauge("drover_queue_replicas_desired", "Worker pods that there should be", *each.desired);
        }
        if (!each.figures) continue;
        gauge("drover_queue_backlog", "Unfinished jobs that are due", static_cast<double>(each.figures->backlog));
        gauge("drover_queue_retrying", "Jobs in the retry topics", static_cast<double>(each.figures->retrying));
        gauge("drover_queue_paused", "1 while somebody pauses the queue", each.figures->paused ? 1 : 0);
        if (each.figures->dead_letters) {
            gauge("drover_queue_dead_letters", "Dead letters", static_cast<double>(*each.figures->dead_letters));
        }
        gauge("drover_queue_oldest_seconds", "How long the oldest unfinished job has been there",
              each.oldest_since ? seconds(now - *each.oldest_since) : 0);
    }
    return metrics_.text() + present.text();
}

}  // namespace drover::operators
