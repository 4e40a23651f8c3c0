#include "operator/core/workload.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include "src/jobqueue/hot_config.h"
#include "src/jobqueue/sidecar_config.h"

namespace drover::operator_core {
namespace {

using jobqueue::JobQueue;
using nlohmann::json;

constexpr int kubernetes_default_grace = 30;  // seconds, of a pod that says nothing
constexpr int margin = 10;                    // seconds: commit, leaving the groups, what the kubelet takes
constexpr std::string_view app_grace_annotation = "drover.dev/app-grace-seconds";  // what an adopted pod had
constexpr std::string_view sidecar_name = "drover-sidecar";
constexpr std::string_view config_folder = "/etc/drover";
constexpr std::string_view settings_folder = "/etc/drover-kafka";

// As people know it, for messages.
std::string template_name(const JobQueue& queue) {
    return queue.target_ref_name.empty() ? "spec.worker.template" : "the Deployment " + queue.target_ref_name;
}

json labels_of(const JobQueue& queue) {
    return {{std::string(queue_label), queue.name},
            {"app.kubernetes.io/name", "drover-worker"},
            {"app.kubernetes.io/instance", queue.name},
            {"app.kubernetes.io/managed-by", "drover"}};
}

json object(const JobQueue& queue, const Surroundings& around, std::string_view version, std::string_view kind,
            const std::string& name) {
    return {{"apiVersion", version},
            {"kind", kind},
            {"metadata",
             {{"name", name},
              {"namespace", queue.ns},
              {"labels", labels_of(queue)},
              {"ownerReferences", json::array({{{"apiVersion", "drover.dev/v1alpha1"},
                                                {"kind", "JobQueue"},
                                                {"name", queue.name},
                                                {"uid", around.uid},
                                                {"controller", true},
                                                {"blockOwnerDeletion", true}}})}}}};
}

// A pause goes through the control topic: it is no reason to start pods anew.
jobqueue::SidecarConfig config_of(const JobQueue& queue, const Surroundings& around) {
    jobqueue::SidecarConfig config = jobqueue::sidecar_config_for(queue);
    config.uid = around.uid;
    config.paused = false;
    config.probe_port = probe_port;
    config.retired_retry_topics = around.retired;
    for (const auto& [name, topic] : around.queue_topics) config.queue_topics.emplace(name, topic);
    return config;
}

// FNV-1a, 64 bits: tells configurations apart, and protects nothing.
std::string hash_of(std::string_view text) {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x0000'0100'0000'01B3;
    static constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (int shift = 60; shift >= 0; shift -= 4) hex.push_back(digits[hash >> shift & 15]);
    return hex;
}

json probe(std::string_view path, int period, int failures) {
    return {{"httpGet", {{"path", path}, {"port", probe_port}}},
            {"periodSeconds", period},
            {"timeoutSeconds", 2},
            {"failureThreshold", failures}};
}

json sidecar_container(const JobQueue& queue, const Installation& installation, const Surroundings& around) {
    json arguments = {"sidecar", "--config", std::string(config_folder) + "/sidecar.json"};
    json mounts = json::array({{{"name", "drover-config"}, {"mountPath", config_folder}, {"readOnly", true}}});
    if (!queue.kafka.auth_secret.empty()) {
        arguments.push_back("--kafka-settings");
        arguments.push_back(settings_folder);
        mounts.push_back({{"name", "drover-kafka"}, {"mountPath", settings_folder}, {"readOnly", true}});
    }
    return {
        {"name", sidecar_name},
        {"image", installation.image},
        {"imagePullPolicy", installation.image_pull_policy},
        {"restartPolicy", "Always"},
        {"args", arguments},
        {"env", json::array({{{"name", "POD_NAME"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}},
                             {{"name", "DROVER_DRAIN_TOKEN"}, {"value", around.drain_token}}})},
        {"ports", json::array({{{"name", "drover"}, {"containerPort", probe_port}, {"protocol", "TCP"}}})},
        {"startupProbe", probe("/healthz", 1, 60)},
        {"readinessProbe", probe("/readyz", 5, 3)},
        {"livenessProbe", probe("/healthz", 10, 6)},
        {"resources", installation.sidecar_resources},
        {"securityContext",
         {{"allowPrivilegeEscalation", false},
          {"readOnlyRootFilesystem", true},
          {"runAsNonRoot", true},
          {"capabilities", {{"drop", {"ALL"}}}},
          {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
        {"volumeMounts", mounts}};
}

json volumes(const JobQueue& queue) {
    json all = json::array({{{"name", "drover-config"}, {"configMap", {{"name", workload_name(queue.name)}}}}});
    if (!queue.kafka.auth_secret.empty()) {
        all.push_back({{"name", "drover-kafka"}, {"secret", {{"secretName", queue.kafka.auth_secret}}}});
    }
    return all;
}

// Where a worker finds its sidecar, and where it is to listen.
json app_variables(const JobQueue& queue) {
    return json::array({{{"name", "PORT"}, {"value", std::to_string(queue.delivery.port)}},
                        {{"name", "DROVER_SIDECAR"}, {"value", "http://127.0.0.1:4040"}}});
}

json drain_hook(const Surroundings& around) {
    return {{"httpGet",
             {{"path", "/drain"},
              {"port", probe_port},
              {"httpHeaders", json::array({{{"name", "drover-drain-token"}, {"value", around.drain_token}}})}}}};
}

const json* find_named(const json& list, std::string_view name) {
    const auto found = std::ranges::find_if(list, [&](const json& each) { return each.value("name", "") == name; });
    return found == list.end() ? nullptr : &*found;
}

Error wrong(std::string message) { return {.code = Error::Code::invalid, .message = std::move(message)}; }

// What a template, the user's or an adopted Deployment's, says about the app.
struct App {
    std::string container;
    bool has_hook = false;
    int grace = kubernetes_default_grace;
};

Result<App> app_of(const JobQueue& queue, const json& pod) {
    const std::string where = template_name(queue);
    const json containers = pod.is_object() ? pod.value("containers", json::array()) : json::array();
    if (!containers.is_array() || containers.empty()) return tl::unexpected(wrong(where + " has no container"));
    const json* app = &containers.front();
    if (!queue.worker_container.empty()) app = find_named(containers, queue.worker_container);
    if (app == nullptr || !app->is_object() || !app->contains("name")) {
        return tl::unexpected(wrong(where + " has no container " + queue.worker_container));
    }
    App found{.container = app->at("name").get<std::string>()};
    const json lifecycle = app->value("lifecycle", json::object());
    found.has_hook = lifecycle.is_object() && lifecycle.contains("preStop");
    const json grace = pod.value("terminationGracePeriodSeconds", json(kubernetes_default_grace));
    if (grace.is_number_integer()) found.grace = std::clamp(grace.get<int>(), 0, 24 * 3600);
    return found;
}

// A user's list entries stay, in their order; ours of the same name replace theirs.
void merge_by_name(json& list, const json& ours) {
    if (!list.is_array()) list = json::array();
    for (const json& entry : ours) {
        const auto same = std::ranges::find_if(list, [&](const json& each) {
            return each.is_object() && each.value("name", "") == entry.at("name").get<std::string>();
        });
        if (same == list.end()) {
            list.push_back(entry);
        } else {
            *same = entry;
        }
    }
}

// The user's template with ours in it.
json whole_template(const JobQueue& queue, json pod_template, const App& app, const Installation& installation,
                    const Surroundings& around, const std::string& hash) {
    json& metadata = pod_template["metadata"];
    if (!metadata.is_object()) metadata = json::object();
    metadata["labels"].update(labels_of(queue));
    metadata["annotations"][std::string(config_annotation)] = hash;
    json& pod = pod_template["spec"];
    // First: it starts before the user's own, and those may need it.
    json init = json::array({sidecar_container(queue, installation, around)});
    if (pod.contains("initContainers") && pod["initContainers"].is_array()) {
        for (json& each : pod["initContainers"]) init.push_back(std::move(each));
    }
    pod["initContainers"] = std::move(init);
    merge_by_name(pod["volumes"], volumes(queue));
    for (json& container : pod["containers"]) {
        if (container.value("name", "") != app.container) continue;
        json variables = app_variables(queue);
        if (container.contains("env")) merge_by_name(variables, container["env"]);  // what the user says, counts
        container["env"] = std::move(variables);
        if (!app.has_hook) container["lifecycle"]["preStop"] = drain_hook(around);
    }
    pod["terminationGracePeriodSeconds"] = grace_period_seconds(queue.delivery, app.grace);
    if (!pod.contains("serviceAccountName")) pod["serviceAccountName"] = workload_name(queue.name);
    if (!pod.contains("automountServiceAccountToken")) pod["automountServiceAccountToken"] = false;
    return pod_template;
}

// What an adopted Deployment gets beside its own fields.
json added_template(const JobQueue& queue, const App& app, const Installation& installation, const Surroundings& around,
                    const std::string& hash) {
    json container = {{"name", app.container}, {"env", app_variables(queue)}};
    if (!app.has_hook) container["lifecycle"] = {{"preStop", drain_hook(around)}};
    return {
        {"metadata",
         {{"labels", {{std::string(queue_label), queue.name}}},
          {"annotations",
           {{std::string(config_annotation), hash}, {std::string(app_grace_annotation), std::to_string(app.grace)}}}}},
        {"spec",
         {{"initContainers", json::array({sidecar_container(queue, installation, around)})},
          {"containers", json::array({container})},
          {"volumes", volumes(queue)},
          {"terminationGracePeriodSeconds", grace_period_seconds(queue.delivery, app.grace)}}}};
}

// The hook and the grace period of an adopted Deployment may be ours, of an earlier time.
App without_ours(App app, const json& pod_template) {
    const json annotations = pod_template.value("metadata", json::object()).value("annotations", json::object());
    const json grace = annotations.value(std::string(app_grace_annotation), json());
    if (!grace.is_string()) return app;
    app.grace = std::atoi(grace.get<std::string>().c_str());
    const json* container = find_named(pod_template.at("spec").at("containers"), app.container);
    const json hook = container->value("lifecycle", json::object()).value("preStop", json::object());
    const json http = hook.value("httpGet", json::object());
    if (http.value("path", "") == "/drain" && http.value("port", json()) == json(probe_port)) app.has_hook = false;
    return app;
}

json selector_of(const JobQueue& queue) { return {{"matchLabels", {{std::string(queue_label), queue.name}}}}; }

// May throw json::exception where a template has a value of another type than Kubernetes has there.
Result<Workload> render(const JobQueue& queue, const Installation& installation, const Surroundings& around) {
    const std::string name = workload_name(queue.name);
    const jobqueue::SidecarConfig config = config_of(queue, around);
    const std::string hash = hash_of(jobqueue::cold_config_of(config));
    Workload workload;
    workload.hot_config = jobqueue::hot_config_of(config);

    json config_map = object(queue, around, "v1", "ConfigMap", name);
    config_map["data"] = {{"sidecar.json", jobqueue::to_json(config)}};
    workload.objects.push_back(std::move(config_map));

    json deployment;
    if (queue.target_ref_name.empty()) {
        json pod_template = json::parse(queue.worker_template_json, nullptr, false);
        if (!pod_template.is_object()) return tl::unexpected(wrong("spec.worker.template is missing"));
        const Result<App> app = app_of(queue, pod_template.value("spec", json()));
        if (!app) return tl::unexpected(app.error());
        workload.drain_hook_conflict = app->has_hook;

        json account = object(queue, around, "v1", "ServiceAccount", name);
        account["automountServiceAccountToken"] = false;
        workload.objects.push_back(std::move(account));
        deployment = object(queue, around, "apps/v1", "Deployment", name);
        deployment["spec"] = {
            {"replicas", around.replicas},
            {"selector", selector_of(queue)},
            {"template", whole_template(queue, std::move(pod_template), *app, installation, around, hash)}};
    } else {
        if (!around.deployment) {
            return tl::unexpected(Error{.code = Error::Code::not_found,
                                        .message = "there is no Deployment " + queue.target_ref_name,
                                        .retryable = true});
        }
        const json& spec = around.deployment->at("spec");
        const json& pod_template = spec.at("template");
        Result<App> app = app_of(queue, pod_template.at("spec"));
        if (!app) return tl::unexpected(app.error());
        *app = without_ours(std::move(*app), pod_template);
        workload.drain_hook_conflict = app->has_hook;
        // It is the user's: no owner reference, and of labels only that by which the operator watches it.
        deployment = {
            {"apiVersion", "apps/v1"},
            {"kind", "Deployment"},
            {"metadata",
             {{"name", queue.target_ref_name},
              {"namespace", queue.ns},
              {"labels", {{std::string(queue_label), queue.name}}}}},
            {"spec",
             {{"replicas", around.replicas}, {"template", added_template(queue, *app, installation, around, hash)}}}};
    }
    workload.objects.push_back(std::move(deployment));

    json budget = object(queue, around, "policy/v1", "PodDisruptionBudget", name);
    budget["spec"] = {{"maxUnavailable", "25%"}, {"selector", selector_of(queue)}};
    workload.objects.push_back(std::move(budget));
    if (installation.has_pod_monitors) {
        json monitor = object(queue, around, "monitoring.coreos.com/v1", "PodMonitor", name);
        monitor["spec"] = {{"selector", selector_of(queue)},
                           {"podMetricsEndpoints", json::array({{{"port", "drover"}, {"path", "/metrics"}}})}};
        workload.objects.push_back(std::move(monitor));
    }
    return workload;
}

}  // namespace

std::string workload_name(std::string_view queue) { return "drover-" + std::string(queue); }

int grace_period_seconds(const jobqueue::DeliverySpec& delivery, int app_seconds) {
    const bool leases = delivery.async_completion || delivery.mode == jobqueue::Mode::pull;
    const Duration jobs = delivery.timeout + (leases ? delivery.max_drain : Duration{0});
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(jobs).count()) + app_seconds + margin;
}

Result<Workload> workload_of(const JobQueue& queue, const Installation& installation, const Surroundings& around) {
    try {
        return render(queue, installation, around);
    } catch (const json::exception& error) {
        return tl::unexpected(wrong(template_name(queue) + " is not a pod template: " + error.what()));
    }
}

}  // namespace drover::operator_core
