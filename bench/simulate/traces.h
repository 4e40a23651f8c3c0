// What arrives when, and how long it takes. Times in seconds from the trace's start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/simulate/world.h"

namespace drover::simulate {

struct Trace {
    std::string name;
    std::string what;  // for people
    double duration = 0;
    std::function<double(double)> jobs_a_second;
    std::function<double(double)> service;  // mean of the jobs that arrive at that time
};

// The largest scale can serve each of them within the target wait.
std::vector<Trace> traces();

// Arrivals are a Poisson process; service times are log-normal with half their mean as deviation.
std::vector<Job> jobs_of(const Trace& trace, int partitions, std::uint64_t seed);
double mean_service(const std::vector<Job>& jobs);

}  // namespace drover::simulate
