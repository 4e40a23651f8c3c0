#include "gateway/core/lag_history.h"

#include <algorithm>

namespace drover::gateway {
namespace {

// Both are of one stretch of time, `next` is the later one.
void merge(LagPoint& point, const LagPoint& next) {
    point.lag = std::max(point.lag, next.lag);
    point.backlog = std::max(point.backlog, next.backlog);
    point.dead = next.dead;
    point.workers = next.workers;
}

Time end_of_stretch(Time at, Duration step) { return Time((at.time_since_epoch() / step + 1) * step); }

}  // namespace

void LagHistory::Track::add(const LagPoint& point) {
    LagPoint next = point;
    next.at = end_of_stretch(point.at, step);
    if (!points.empty() && points.back().at >= next.at) return merge(points.back(), next);
    points.push_back(next);
    while (points.front().at <= next.at - kept) points.pop_front();
}

void LagHistory::add(LagPoint point) {
    fine_.add(point);
    coarse_.add(point);
}

std::vector<LagPoint> LagHistory::points(Time since, Time now, std::size_t most) const {
    const Track& track = since >= now - fine_.kept ? fine_ : coarse_;
    const auto count = static_cast<Duration::rep>(std::max<std::size_t>(most, 1));
    const Duration whole = std::max(now - since, track.step);
    const Duration step = std::max(track.step, (whole + Duration{count - 1}) / count);
    std::vector<LagPoint> points;
    for (const LagPoint& each : track.points) {
        if (each.at <= since) continue;
        LagPoint point = each;
        point.at = end_of_stretch(each.at - Duration{1}, step);
        if (!points.empty() && points.back().at == point.at) {
            merge(points.back(), point);
        } else {
            points.push_back(point);
        }
    }
    if (points.size() > most) points.erase(points.begin());  // begun before `since`
    return points;
}

}  // namespace drover::gateway
