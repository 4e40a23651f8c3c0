#include "sidecar/exchanges.h"

#include <algorithm>
#include <utility>

#include "src/telemetry/log.h"

namespace drover::sidecar {
namespace {

constexpr http::JobClient::Token batch_flag = http::JobClient::Token{1} << 63;  // then an exchange, else a lease
constexpr std::size_t max_result_bytes = 128 * 1024;

WorkerAnswer to_worker_answer(const http::Answer& answer) {
    static constexpr WorkerAnswer::Kind kinds[] = {WorkerAnswer::Kind::response,  WorkerAnswer::Kind::refused,
                                                   WorkerAnswer::Kind::cut,       WorkerAnswer::Kind::malformed,
                                                   WorkerAnswer::Kind::too_large, WorkerAnswer::Kind::aborted};
    return {.kind = kinds[static_cast<std::size_t>(answer.kind)],
            .status = answer.status,
            .retry_after = answer.retry_after,
            .outcome = answer.outcome,
            .error = answer.error,
            .body = answer.body,
            .detail = answer.detail};
}

bool is_success(const http::Answer& answer) {
    return answer.kind == http::Answer::Kind::response && answer.status / 100 == 2 && answer.outcome.empty();
}

}  // namespace

Exchanges::Exchanges(const jobqueue::SidecarConfig& config, RecordSlots& slots)
    : config_(config), slots_(slots), headers_(config.queue, "/drover/" + config.ns + "/" + config.queue) {}

void Exchanges::hand_over(http::JobClient& client, const action::HandOver& given, std::string_view lease) {
    HeldJob& job = slots_[given.slot];
    job.exchange = given.exchange;
    job.leased = false;
    if (given.exchange == 0) {
        const std::optional<std::string_view> value = job.record->value();
        client.send(given.lease,
                    headers_.build({.fields = job.fields,
                                    .headers = job.headers,
                                    .record = job.origin,
                                    .id = job.id,
                                    .key = job.record->key(),
                                    .null_value = !value,
                                    .attempt = given.attempt,
                                    .max_attempts = given.max_attempts,
                                    .lease = lease}),
                    value.value_or(std::string_view()));
        return;
    }
    if (given.exchange != collecting_) flush(client);
    collecting_ = given.exchange;
    Batch& batch = batches_[collecting_];
    batch.leases.push_back(given.lease);
    batch.ids.push_back(job.id);
    leases_.emplace_back(lease);
    items_.push_back(batch_item(job, {}));
}

void Exchanges::flush(http::JobClient& client) {
    if (collecting_ == 0) return;
    Batch& batch = batches_.at(collecting_);
    for (std::size_t i = 0; i < items_.size(); ++i) items_[i].lease = leases_[i];
    write_batch(items_, batch.body);
    const std::string size = std::to_string(items_.size());
    const std::vector<FieldView> headers{
        {"content-type", "application/json"}, {"drover-queue", config_.queue}, {"drover-batch", size}};
    client.send(batch_flag | collecting_, headers, batch.body);
    collecting_ = 0;
    items_.clear();
    leases_.clear();
}

void Exchanges::abort(http::JobClient& client, Lease lease, std::vector<Event>& events) {
    const std::uint32_t exchange = slots_[slot_of(lease)].exchange;
    const auto found = batches_.find(exchange);
    if (exchange == 0 || found == batches_.end()) return client.abort(lease);
    auto& leases = found->second.leases;
    std::ranges::replace(leases, lease, Lease{0});
    events.emplace_back(event::Answered{lease, {.verdict = Outcome::Verdict::aborted}});
    if (std::ranges::all_of(leases, [](Lease each) { return each == 0; })) client.abort(batch_flag | exchange);
}

void Exchanges::answered(http::JobClient::Token token, const http::Answer& answer, Time now,
                         std::vector<Event>& events) {
    if ((token & batch_flag) == 0) return answered_one(token, answer, now, events);
    const auto node = batches_.extract(static_cast<std::uint32_t>(token));
    const Batch& batch = node.mapped();
    if (!is_success(answer)) {
        const Outcome outcome = classify(to_worker_answer(answer), now);
        for (const Lease lease : batch.leases) {
            if (lease != 0) events.emplace_back(event::Answered{lease, outcome});
        }
        return;
    }
    const std::vector<std::string_view> ids(batch.ids.begin(), batch.ids.end());
    BatchAnswer read = read_batch_answer(answer.status, answer.body, ids, max_result_bytes, now);
    if (!read.problem.empty()) log::warn("the answer to a batch is not what it should be", {{"problem", read.problem}});
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (batch.leases[i] == 0) continue;
        HeldJob& job = slots_[slot_of(batch.leases[i])];
        job.result = std::move(read.results[i]);
        job.result_type = "application/json";
        events.emplace_back(event::Answered{batch.leases[i], std::move(read.outcomes[i])});
    }
}

void Exchanges::answered_one(Lease lease, const http::Answer& answer, Time now, std::vector<Event>& events) {
    HeldJob& job = slots_[slot_of(lease)];
    if (job.said) {  // the app was faster with the job than with its 202: however that ended, the job is at its end
        events.emplace_back(event::Answered{lease, *std::exchange(job.said, std::nullopt)});
        return;
    }
    if (config_.delivery.async_completion && is_success(answer) && answer.status == 202) {
        job.leased = true;
        events.emplace_back(event::Accepted{lease});
        return;
    }
    Outcome outcome = classify(to_worker_answer(answer), now);
    if (outcome.verdict == Outcome::Verdict::done && !config_.events_topic.empty()) {
        job.result = answer.body;
        job.result_type = answer.content_type;
    }
    events.emplace_back(event::Answered{lease, std::move(outcome)});
}

BatchItem batch_item(const HeldJob& job, std::string_view lease) {
    return {.id = job.id,
            .attempt = job.attempt,
            .max_attempts = job.max_attempts,
            .key = job.record->key(),
            .lease = lease,
            .type = job.headers.type,
            .content_type = job.headers.content_type,
            .deadline = job.headers.deadline,
            .fields = job.fields,
            .payload = job.record->value()};
}

}  // namespace drover::sidecar
