// When a job will be done, as far as can be said. Pure. Room: gateway/core.
//
// While it runs and tells its progress: the time so far ÷ percent × what is left, from the moment of its last report.
// While it runs without: the mean run time of its type less the time so far, never less than none.
// While it waits: those before it ÷ the rate at which the queue finishes jobs, and its own run time.
#pragma once

#include <optional>
#include <string_view>

#include "gateway/core/job.h"
#include "src/base/time.h"

namespace drover::gateway {

struct EtaInputs {
    std::optional<Duration> mean_run;           // of its type, else of its queue
    std::optional<double> finished_per_second;  // of its queue, of late
    std::optional<std::int64_t> before;         // jobs of its queue that wait and are before it
};

struct Eta {
    enum class By { progress, run_time, position };
    Time at{};
    By by = By::progress;
    bool operator==(const Eta&) const = default;
};
std::string_view eta_source(Eta::By by);

std::optional<Eta> eta_of(const Job& job, const EtaInputs& inputs, Time now);

}  // namespace drover::gateway
