#include "gateway/bulk_desk.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "gateway/core/delayed_record.h"
#include "gateway/state.h"
#include "src/telemetry/log.h"

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

constexpr Duration between_runs = 1s;

}  // namespace

BulkDesk::BulkDesk(GatewayState& state, JobViewSettings view)
    : state_(state), runner_(state.settings.kafka, std::move(view), state.io.get_executor()) {}

void BulkDesk::hear(std::string_view key, std::optional<std::string_view> value) {
    if (key.starts_with(bulk_run_prefix)) {
        const std::string name(key.substr(bulk_run_prefix.size()));
        BulkRun* run = runner_.run(name);
        if (run == nullptr || !value || parse_bulk_run(*value) != run->token()) return;
        if (const BulkOperation* operation = book_.find(name)) return run->begin(*operation);
        return run->stop();
    }
    if (!key.starts_with(bulk_prefix) && !key.starts_with(bulk_progress_prefix) && !key.starts_with(bulk_abort_prefix))
        return;
    if (const Result<void> applied = book_.apply(key, value); !applied) {
        log::warn("a bulk operation's record cannot be understood", {{"key", key}, {"error", applied.error().message}});
    }
}

std::vector<std::string> BulkDesk::look() {
    for (const BulkOperation* operation : book_.running()) {
        const std::string name = operation->name();
        if (BulkRun* run = runner_.run(name)) {
            if (book_.is_to_abort(name)) run->abort();
            continue;
        }
        if (!can_run(*operation)) continue;
        const auto queue = state_.queues.find(operation->queue);
        if (!queue) {
            give_up(*operation, "the queue is gone");
            continue;
        }
        log::info("a bulk operation runs here", {{"operation", name}});
        runner_.start(queue, *operation, state_.new_id(), [this, name](BulkRun::End end, std::string trouble) {
            if (end == BulkRun::End::finished) {
                pauses_.erase(name);
            } else {
                pauses_[name] = {state_.now() + between_runs, std::move(trouble)};
            }
        });
    }
    std::vector<std::string> keys;
    for (const std::string& name : book_.take_expired(state_.now())) {
        keys.push_back(std::string(bulk_progress_prefix) + name);
        keys.push_back(std::string(bulk_prefix) + name);
    }
    return keys;
}

bool BulkDesk::is_ours(const BulkOperation& operation) const {
    const SchedulerStatus& status = state_.scheduler_status;
    if (status.partition_count <= 0) return false;
    const int partition = partition_of(std::string(bulk_prefix) + operation.queue, status.partition_count);
    return std::ranges::find(status.partitions, partition) != status.partitions.end();
}

bool BulkDesk::can_run(const BulkOperation& operation) {
    if (!is_ours(operation) || runner_.runs() >= BulkRunner::most_runs) return false;
    // A view that is still being built lists too little.
    if (operation.order.action != BulkAction::retry && !state_.feeder.caught_up) return false;
    const auto pause = pauses_.find(operation.name());
    return pause == pauses_.end() || pause->second.until <= state_.now();
}

// Without its queue nothing can be written but this.
void BulkDesk::give_up(BulkOperation operation, std::string trouble) {
    operation.state = BulkState::failed;
    operation.trouble = std::move(trouble);
    operation.ended_at = operation.updated_at = state_.now();
    pauses_[operation.name()] = {state_.now() + between_runs, operation.trouble};
    for (BulkMessage message : {bulk_progress_message(operation), bulk_tombstone(bulk_run_prefix, operation),
                                bulk_tombstone(bulk_abort_prefix, operation)}) {
        state_.submitter->submit({.topic = std::string(jobqueue::gateway_topic),
                                  .key = std::move(message.key),
                                  .value = std::move(message.value),
                                  .headers = {}},
                                 [](const auto&) {});  // the next look gives it up again
    }
}

void BulkDesk::add(const BulkOperation& operation) {
    if (book_.find(operation.name()) != nullptr) return;
    const BulkMessage message = bulk_message(operation);
    hear(message.key, *message.value);
}

nlohmann::ordered_json BulkDesk::json(const BulkOperation& operation) const {
    nlohmann::ordered_json json = bulk_json(operation);
    if (operation.state != BulkState::running) return json;
    const std::string name = operation.name();
    const BulkRun* run = runner_.run(name);
    const auto pause = pauses_.find(name);
    std::string trouble = run != nullptr ? run->trouble() : "";
    if (trouble.empty() && run == nullptr && pause != pauses_.end()) trouble = pause->second.trouble;
    if (!trouble.empty()) json["trouble"] = trouble;
    return json;
}

}  // namespace drover::gateway
