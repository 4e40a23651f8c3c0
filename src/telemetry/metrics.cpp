#include "src/telemetry/metrics.h"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace drover::telemetry {
namespace {

// Registers by `add`, which throws where the program is wrong.
template <class Add>
auto& registered(const std::string& name, Add add) {
    try {
        return add();
    } catch (const std::exception& wrong) {
        std::fprintf(stderr, "drover: the metric '%s' cannot be: %s\n", name.c_str(), wrong.what());
        std::abort();
    }
}

}  // namespace

struct Metrics::Registry {
    prometheus::Registry families;
};

void Counter::add(double amount) { counter_->Increment(amount); }
double Counter::value() const { return counter_->Value(); }
void Gauge::set(double value) { gauge_->Set(value); }
void Gauge::add(double amount) { gauge_->Increment(amount); }
double Gauge::value() const { return gauge_->Value(); }
void Histogram::observe(double value) { histogram_->Observe(value); }

const std::vector<double>& duration_buckets() {
    static const std::vector<double> buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                1,     2.5,    5,     10,   30,    60,   120, 300,  600};
    return buckets;
}

Metrics::Metrics() : registry_(std::make_unique<Registry>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
    return Counter(registered(
        name, [&]() -> auto& {
            return prometheus::BuildCounter().Name(name).Help(help).Register(registry_->families).Add(labels);
        }));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
    return Gauge(registered(
        name, [&]() -> auto& {
            return prometheus::BuildGauge().Name(name).Help(help).Register(registry_->families).Add(labels);
        }));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels,
                             const std::vector<double>& buckets) {
    return Histogram(registered(
        name, [&]() -> auto& {
            return prometheus::BuildHistogram()
                .Name(name)
                .Help(help)
                .Register(registry_->families)
                .Add(labels, buckets);
        }));
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_->families.Collect()); }

}  // namespace drover::telemetry
