#include "cli/run/run_report.h"

#include "cli/run/data_folder.h"

namespace drover::cli {

RunSummary report_on(const std::vector<std::unique_ptr<QueueRunner>>& queues, Duration elapsed,
                     const std::filesystem::path& data) {
    RunSummary report{.elapsed = elapsed};
    telemetry::LatencyHistogram worker_time;
    for (const auto& queue : queues) {
        const QueueSummary one = queue->summary();
        report.total.jobs += one.jobs;
        report.total.completed += one.completed;
        report.total.retries += one.retries;
        report.total.dead += one.dead;
        report.total.jobs_per_second += one.jobs_per_second;
        worker_time.merge(queue->stats().worker_time);
        queue->add_causes(report.causes);
        if (const auto output = output_of(queue->queue())) report.notes.push_back({"report", *output});
        report.queues.push_back(one);
    }
    if (worker_time.count() > 0) {
        report.total.p50 = worker_time.quantile(0.5);
        report.total.p99 = worker_time.quantile(0.99);
    }
    report.notes.push_back({"logs", (data / "logs").string()});
    return report;
}

}  // namespace drover::cli
