#include "gateway/deeds.h"

#include <nlohmann/json.hpp>

#include "gateway/core/deed_records.h"
#include "src/jobqueue/control.h"
#include "src/jobqueue/json_text.h"

namespace drover::gateway {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view source = "gateway";
constexpr std::size_t longest_reason = 1024;

Outgoing control_record(const std::string& topic, const jobqueue::ControlRecord& record) {
    jobqueue::ControlMessage message = jobqueue::control_message(record);
    return {.topic = topic, .key = std::move(message.key), .value = std::move(message.value), .headers = {}};
}

// "reason" of the body, which may be missing. Nothing: the call has been refused.
std::optional<std::string> reason_of(const SharedCall& call) {
    if (call->request.body.empty()) return "";
    const auto json = jobqueue::read_json(call->request.body);
    if (!json || json->kind() != jobqueue::JsonValue::Kind::object) {
        call->refuse(
            {.code = Error::Code::invalid, .message = "the body must be a JSON object, with `reason`, or empty"});
        return std::nullopt;
    }
    std::string buffer, reason;
    for (jobqueue::JsonParts part(*json); part.next();) {
        if (part.name(buffer) != "reason") continue;
        std::string text;
        reason = std::string(part.value().string(text));
        const bool is_text = part.value().kind() == jobqueue::JsonValue::Kind::string;
        if (!is_text || reason.size() > longest_reason) {
            call->refuse({.code = Error::Code::invalid, .message = "reason must be a string of at most 1 KiB"});
            return std::nullopt;
        }
    }
    call->reason = reason;
    return reason;
}

Error has_ended(const Job& job) {
    return {.code = Error::Code::conflict, .message = "the job is " + std::string(state_name(job.state)) + " already"};
}

}  // namespace

void cancel_job(GatewayState& state, const SharedCall& call, const Job& job) {
    if (is_finished(job.state)) return call->refuse(has_ended(job));
    const auto queue = state.queues.find(job.key.queue);
    if (!queue) return call->refuse({.code = Error::Code::not_found, .message = "queue " + job.key.queue + " is gone"});
    const std::optional<std::string> reason = reason_of(call);
    if (!reason) return;
    if (job.state == JobState::delayed && state.scheduler) {
        return state.scheduler->cancel({.job_id = job.key.id,
                                        .control_topic = queue->topics.control,
                                        .by = call->who.name,
                                        .reason = *reason,
                                        .at = call->now},
                                       [call, id = job.key.id](const Result<void>& done) {
                                           if (!done) return call->refuse(done.error());
                                           call->answer(202, {{"id", id}, {"state", "cancelling"}});
                                       });
    }
    jobqueue::ControlMessage cancel = cancel_record(job.key.id, call->who.name, *reason, call->now);
    state.submitter->submit(
        {.topic = queue->topics.control, .key = std::move(cancel.key), .value = std::move(cancel.value), .headers = {}},
        [call, id = job.key.id](auto accepted) {
            if (!accepted) return call->refuse(accepted.error());
            call->answer(202, {{"id", id}, {"state", "cancelling"}});
        });
}

void delete_job(GatewayState& state, const SharedCall& call, const Job& job) {
    if (!is_finished(job.state)) {
        return call->refuse({.code = Error::Code::conflict,
                             .message = "the job is " + std::string(state_name(job.state)) + ": cancel it first"});
    }
    state.submitter->submit({.topic = std::string(jobqueue::events_topic),
                             .key = job.key.id,
                             .value = removal_event(job, call->now),
                             .headers = {}},
                            [call](auto accepted) {
                                if (!accepted) return call->refuse(accepted.error());
                                call->reply({204, {}, {}, {}});
                            });
}

void pause_queue(GatewayState& state, const SharedCall& call, bool pause) {
    const std::optional<std::string> reason = reason_of(call);
    if (!reason) return;
    const jobqueue::control::Pause record{
        .source = std::string(source), .paused = pause, .by = call->who.name, .reason = *reason, .at = call->now};
    const auto looked = state.looks.find(call->queue->name);
    ordered_json others = ordered_json::array();
    if (looked != state.looks.end()) {
        for (const jobqueue::control::Pause& each : looked->second.pauses) {
            if (each.source != source) others.push_back(each.source);
        }
    }
    state.submitter->submit(control_record(call->queue->topics.control, record), [call, pause, others](auto accepted) {
        if (!accepted) return call->refuse(accepted.error());
        ordered_json json{{"queue", call->queue->name}, {"paused", pause || !others.empty()}};
        if (!others.empty()) json["pausedByOthers"] = others;
        call->answer(200, json);
    });
}

}  // namespace drover::gateway
