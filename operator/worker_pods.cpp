#include "operator/worker_pods.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include <nlohmann/json.hpp>

#include "operator/core/workload.h"
#include "src/http/client.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using operator_core::PodReport;

constexpr auto patience = 1000ms;
constexpr auto left_alone = 60s;
constexpr std::size_t most_at_once = 16;
constexpr const char* cost_annotation = "controller.kubernetes.io/pod-deletion-cost";

const json* member(const json& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
}

// Why a container cannot start, in the kubelet's words.
void read_waiting(const json& status, PodReport& report) {
    for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
        const json* containers = member(status, list);
        if (containers == nullptr) continue;
        for (const json& container : *containers) {
            const json waiting = container.value("/state/waiting"_json_pointer, json::object());
            if (!waiting.is_object() || waiting.empty()) continue;
            report.waiting_reason = waiting.value("reason", "");
            report.waiting_message = waiting.value("message", "");
            // One that waits for its turn says less than one that cannot start.
            if (report.waiting_reason != "PodInitializing" && report.waiting_reason != "ContainerCreating") return;
        }
    }
}

// One that failed or was evicted stays, as an object, until somebody deletes it.
bool has_ended(const json& pod) {
    const std::string phase = pod.value("/status/phase"_json_pointer, "");
    return phase == "Failed" || phase == "Succeeded";
}

PodReport report_of(const json& pod) {
    PodReport report;
    report.name = pod.value("/metadata/name"_json_pointer, "");
    const json annotations = pod.value("/metadata/annotations"_json_pointer, json::object());
    report.config = annotations.value(std::string(operator_core::config_annotation), "");
    report.ending = pod.value("/metadata"_json_pointer, json::object()).contains("deletionTimestamp");
    const json status = pod.value("status", json::object());
    report.address = status.value("podIP", "");
    for (const json& condition : status.value("conditions", json::array())) {
        const bool holds = condition.value("status", "") == "True";
        if (condition.value("type", "") == "Ready") report.ready = holds;
        if (condition.value("type", "") == "PodScheduled" && !holds) {
            report.waiting_reason = condition.value("reason", "");
            report.waiting_message = condition.value("message", "");
        }
    }
    read_waiting(status, report);
    return report;
}

// False: nothing came within its time.
bool ask(PodReport& report) {
    const std::string host =
        report.address.find(':') == std::string::npos ? report.address : "[" + report.address + "]";
    const auto client =
        http::Client::create({.base = "http://" + host + ":" + std::to_string(operator_core::probe_port)});
    if (!client) return true;
    const auto answer = (*client)->send({.target = "/stats", .timeout = patience});
    if (!answer) return answer.error().code != Error::Code::timeout;
    if (answer->status != 200) return true;
    const json stats = json::parse(answer->body, nullptr, false);
    const json* in_flight = member(stats, "inFlight");
    if (in_flight == nullptr || !in_flight->is_number_integer()) return true;
    const auto text = [&](const char* name) {
        const json* found = member(stats, name);
        return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
    };
    report.asked = true;
    report.in_flight = in_flight->get<std::int64_t>();
    const json* reachable = member(stats, "workerReachable");
    report.worker_reachable = reachable == nullptr || *reachable != json(false);
    report.blocked_job = text("blockedJob");
    report.trouble = text("trouble");
    return true;
}

}  // namespace

kube::ApiResult<std::vector<PodReport>> list_worker_pods(kube::ApiClient& api, const kube::ObjectKey& queue) {
    const auto list = api.list(pods, {.namespace_name = queue.namespace_name,
                                      .label_selector = std::string(operator_core::queue_label) + "=" + queue.name});
    if (!list) return tl::unexpected(list.error());
    std::vector<PodReport> reports;
    for (const json& pod : list->objects) {
        if (!has_ended(pod)) reports.push_back(report_of(pod));
    }
    return reports;
}

void ask_worker_pods(std::vector<PodReport>& reports, SilentPods& silent) {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(silent, [&](const auto& pod) {
        return now >= pod.second || std::ranges::find(reports, pod.first, &PodReport::name) == reports.end();
    });
    std::vector<PodReport*> askable;
    for (PodReport& report : reports) {
        if (!report.address.empty() && !report.ending && !silent.contains(report.name)) askable.push_back(&report);
    }
    std::vector<char> answered(askable.size());  // of char: the threads write beside each other
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> threads(std::min(askable.size(), most_at_once));
    for (std::jthread& thread : threads) {
        thread = std::jthread([&] {
            for (std::size_t i = next++; i < askable.size(); i = next++) answered[i] = ask(*askable[i]) ? 1 : 0;
        });
    }
    threads.clear();  // joins
    for (std::size_t i = 0; i < askable.size(); ++i) {
        if (answered[i] == 0) silent[askable[i]->name] = std::chrono::steady_clock::now() + left_alone;
    }
}

kube::ApiResult<void> set_deletion_cost(kube::ApiClient& api, const std::string& namespace_name, const PodReport& pod,
                                        const std::string& field_manager) {
    // 0 is idle, 1 is unknown.
    const std::int64_t cost = !pod.asked ? 1 : pod.in_flight == 0 ? 0 : pod.in_flight + 1;
    const json patch{{"metadata", {{"annotations", {{cost_annotation, std::to_string(cost)}}}}}};
    const auto patched = api.merge_patch(pods, {namespace_name, pod.name}, "", patch, {.field_manager = field_manager});
    if (!patched && patched.error().reason != kube::ApiError::Reason::not_found) {
        return tl::unexpected(patched.error());
    }
    return {};
}

}  // namespace drover::operators
