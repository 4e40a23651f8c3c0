// Prometheus metrics. Room: telemetry. Over prometheus-cpp.
//
//   Metrics metrics;
//   Counter done = metrics.counter("drover_jobs_total", "Jobs by outcome", {{"outcome", "done"}});
//   done.add();
//
// Any thread. Handles are small values, valid as long as their Metrics: look them up once, keep them, and use them on
// hot paths without a further look-up. Asking again for the same name and labels gives the same metric. A name or label
// that Prometheus does not allow, or one name for two kinds, is a fault of the program: it aborts.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace drover::telemetry {

using Labels = std::map<std::string, std::string>;

class Counter {
public:
    explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
    void add(double amount = 1);
    double value() const;

private:
    prometheus::Counter* counter_;
};

class Gauge {
public:
    explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
    void set(double value);
    void add(double amount);
    double value() const;

private:
    prometheus::Gauge* gauge_;
};

class Histogram {
public:
    explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
    void observe(double value);

private:
    prometheus::Histogram* histogram_;
};

// Of times in seconds: 1 ms to 10 min.
const std::vector<double>& duration_buckets();

class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
    Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
    // `buckets`: upper bounds, ascending; the first call for a name and labels decides.
    Histogram histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                        const std::vector<double>& buckets = duration_buckets());

    // In Prometheus' text format; its content type is "text/plain; version=0.0.4".
    std::string text() const;

private:
    struct Registry;
    std::unique_ptr<Registry> registry_;
};

}  // namespace drover::telemetry
