#include "bench/simulate/traces.h"

#include <cmath>
#include <numbers>

#include "bench/simulate/random.h"

namespace drover::simulate {
namespace {

constexpr double minute = 60;
std::function<double(double)> always(double value) {
    return [value](double) { return value; };
}

}  // namespace

std::vector<Trace> traces() {
    return {
        {"step", "5 jobs a second, then 100 for 20 minutes, then 5; 1 s each", 60 * minute,
         [](double t) { return t >= 15 * minute && t < 35 * minute ? 100.0 : 5.0; }, always(1)},
        {"ramp", "from 0 to 140 jobs a second in 40 minutes; 1 s each", 40 * minute,
         [](double t) { return 140 * t / (40 * minute); }, always(1)},
        {"daily curve", "a day in two hours, from 1 to 101 jobs a second and back; 1 s each", 120 * minute,
         [](double t) { return 1 + 50 * (1 - std::cos(2 * std::numbers::pi * t / (120 * minute))); }, always(1)},
        {"spikes", "1,500 jobs within 5 s every 10 minutes, else one every 5 s; 1 s each", 60 * minute,
         [](double t) { return std::fmod(t, 10 * minute) < 5 ? 300.0 : 0.2; }, always(1)},
        {"slow drain", "after ten quiet minutes 800 jobs at once, then one every 10 s; 3 s each", 40 * minute,
         [](double t) {
             if (t < 10 * minute) return t < minute ? 0.5 : 0.0;
             return t < 10 * minute + 1 ? 800.0 : 0.1;
         },
         always(3)},
        {"service times", "30 jobs a second; 0.5 s each, for 20 minutes 3 s, then 0.5 s", 60 * minute, always(30),
         [](double t) { return t >= 20 * minute && t < 40 * minute ? 3.0 : 0.5; }},
        {"long jobs", "one job a second, for 20 minutes 5; 20 s each", 60 * minute,
         [](double t) { return t >= 15 * minute && t < 35 * minute ? 5.0 : 1.0; }, always(20)},
    };
}

std::vector<Job> jobs_of(const Trace& trace, int partitions, std::uint64_t seed) {
    constexpr double step = 0.01;
    const double sigma_squared = std::log(1 + 0.5 * 0.5);
    Random random(seed);
    std::vector<Job> jobs;
    double expected = 0, next = random.exponential();
    for (double t = 0; t < trace.duration; t += step) {
        const double more = trace.jobs_a_second(t) * step;
        for (; expected + more >= next; next += random.exponential()) {
            const double at = t + step * (next - expected) / more;
            const double factor = std::exp(std::sqrt(sigma_squared) * random.normal() - sigma_squared / 2);
            jobs.push_back({.arrives = at,
                            .service = trace.service(at) * factor,
                            .partition = static_cast<int>(random.uniform(0, partitions))});
        }
        expected += more;
    }
    return jobs;
}

double mean_service(const std::vector<Job>& jobs) {
    double sum = 0;
    for (const Job& job : jobs) sum += job.service;
    return sum / static_cast<double>(jobs.size());
}

}  // namespace drover::simulate
