#include "gateway/core/job_order.h"

namespace drover::gateway {
namespace {

constexpr Duration furthest = std::chrono::hours(10 * 365 * 24);
constexpr std::size_t largest_delayed = 1 << 20;  // drover.delayed has to take it: src/jobqueue/shared_topics.cpp

std::optional<Time> due_of(const jobqueue::Submission& job, Time now) {
    std::optional<Time> due = job.run_at;
    if (job.delay) due = now + *job.delay;
    return due && *due > now ? due : std::nullopt;
}

bool is_web_address(std::string_view url) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (url.starts_with(scheme) && url.size() > scheme.size() && url.find_first_of(" \t\r\n\"<>") == url.npos) {
            return true;
        }
    }
    return false;
}

}  // namespace

Result<void> check_submission(const jobqueue::Submission& job, const jobqueue::JobQueue& queue, Time now) {
    if (static_cast<std::int64_t>(job.payload.size()) > queue.delivery.max_payload) {
        return failure(Error::Code::too_large,
                       "payload has " + std::to_string(job.payload.size()) + " bytes, and the queue takes " +
                           std::to_string(queue.delivery.max_payload) + " (spec.delivery.maxPayload)");
    }
    if ((job.delay || job.run_at) && job.payload.size() > largest_delayed) {
        return failure(Error::Code::too_large, "payload has " + std::to_string(job.payload.size()) +
                                                   " bytes, and a delayed job may have " +
                                                   std::to_string(largest_delayed));
    }
    if (job.delay && (*job.delay < Duration{0} || *job.delay > furthest)) {
        return failure(Error::Code::invalid, "delay must be from 0s to ten years");
    }
    if (job.run_at && *job.run_at > now + furthest) {
        return failure(Error::Code::invalid, "runAt must not be more than ten years away");
    }
    if (job.deadline && *job.deadline <= due_of(job, now).value_or(now)) {
        return failure(Error::Code::invalid, "deadline is over before the job can begin");
    }
    if (!job.callback.empty() && !is_web_address(job.callback)) {
        return failure(Error::Code::invalid, "callback must be an http:// or https:// URL");
    }
    return {};
}

JobOrder order_of(jobqueue::Submission job, const jobqueue::Topics& topics, Time now) {
    JobOrder order{.id = job.id,
                   .topic = jobqueue::topic_for(topics, job.priority),
                   .key = job.key,
                   .value = {},
                   .headers = jobqueue::submission_headers(job, now),
                   .due = due_of(job, now)};
    order.value = std::move(job.payload);
    return order;
}

}  // namespace drover::gateway
