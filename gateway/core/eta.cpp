#include "gateway/core/eta.h"

#include <algorithm>
#include <cmath>

namespace drover::gateway {
namespace {

constexpr double furthest = 10 * 365 * 86400.0;  // seconds; more is no estimate

Duration seconds(double count) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::clamp(count, 0.0, furthest)));
}
double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::optional<Eta> by_progress(const Job& job, Time now) {
    if (!job.started_at || !job.progress || !job.progress->percent || !job.progress->percent_at) return std::nullopt;
    const int percent = *job.progress->percent;
    if (percent <= 0 || percent > 100) return std::nullopt;
    const double so_far = seconds(*job.progress->percent_at - *job.started_at);
    const Time at = *job.progress->percent_at + seconds(so_far / percent * (100 - percent));
    return Eta{std::max(at, now), Eta::By::progress};
}

}  // namespace

std::string_view eta_source(Eta::By by) {
    switch (by) {
        case Eta::By::progress: return "progress";
        case Eta::By::run_time: return "runTime";
        case Eta::By::position: break;
    }
    return "position";
}

std::optional<Eta> eta_of(const Job& job, const EtaInputs& inputs, Time now) {
    if (job.state == JobState::active) {
        if (auto eta = by_progress(job, now)) return eta;
        if (!job.started_at || !inputs.mean_run) return std::nullopt;
        return Eta{std::max(*job.started_at + *inputs.mean_run, now), Eta::By::run_time};
    }
    const bool waits = job.state == JobState::waiting;
    const bool is_due_later = (job.state == JobState::delayed || job.state == JobState::retrying) && job.due_at;
    if (!waits && !is_due_later) return std::nullopt;
    const Duration run = inputs.mean_run.value_or(Duration{0});
    if (is_due_later) return Eta{std::max(*job.due_at, now) + run, Eta::By::position};
    const double rate = inputs.finished_per_second.value_or(0);
    if (!inputs.before || !(rate > 0)) return std::nullopt;
    return Eta{now + seconds(static_cast<double>(std::max<std::int64_t>(*inputs.before, 0)) / rate) + run,
               Eta::By::position};
}

}  // namespace drover::gateway
