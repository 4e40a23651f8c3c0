#include "operator/queue_reconciler.h"

#include <algorithm>

#include "operator/core/kafka_access.h"
#include "operator/core/observation.h"
#include "operator/core/scaling_memory.h"
#include "operator/deployment_claims.h"
#include "src/kafka/admin.h"
#include "src/telemetry/log.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using operator_core::Decision;
using operator_core::Facts;
using operator_core::Finding;
using Steady = std::chrono::steady_clock;

const kube::Resource secrets{"", "v1", "secrets", "Secret"};
constexpr const char* finalizer = "drover.dev/queue";
constexpr auto secret_lasts = 60s;
constexpr auto applied_lasts = 10min;
constexpr auto pods_last = 15s;
constexpr auto pods_that_start_last = 3s;
constexpr auto status_interval = 15s;  // of mere figures
constexpr auto busy_interval = 1s;
constexpr auto kafka_timeout = 5s;
constexpr auto leaving_interval = 1s;
constexpr auto watch_lags = 10s;  // at most, as far as we wait for it

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

Finding yes(std::string reason, std::string message) {
    return {Finding::Is::yes, std::move(reason), std::move(message)};
}
Finding no(std::string reason, std::string message) { return {Finding::Is::no, std::move(reason), std::move(message)}; }

// Of the objects that we apply.
kube::Resource resource_of(const json& object) {
    static const std::map<std::string, std::string> plurals{{"ConfigMap", "configmaps"},
                                                            {"ServiceAccount", "serviceaccounts"},
                                                            {"Deployment", "deployments"},
                                                            {"PodDisruptionBudget", "poddisruptionbudgets"},
                                                            {"PodMonitor", "podmonitors"}};
    const std::string api_version = object.at("apiVersion"), kind = object.at("kind");
    const std::size_t slash = api_version.find('/');
    const bool core = slash == std::string::npos;
    return {core ? "" : api_version.substr(0, slash), core ? api_version : api_version.substr(slash + 1),
            plurals.at(kind), kind};
}

bool is_on(const jobqueue::JobQueue& queue, const char* annotation) {
    const auto found = queue.annotations.find(annotation);
    return found != queue.annotations.end() && found->second == "true";
}

// What people said by annotation has the last word.
void heed_annotations(const jobqueue::JobQueue& queue, int current, Decision& decision) {
    const auto hold = [&](const char* reason, const std::string& why) {
        decision.message += "; " + why;
        decision.replicas = current;
        decision.reason = reason;
    };
    if (is_on(queue, "drover.dev/force-active") && decision.replicas == 0 && queue.scaling.max_replicas > 0) {
        decision.message += "; drover.dev/force-active keeps one";
        decision.replicas = 1;
        decision.reason = "ForceActive";
    }
    if (decision.replicas < current && is_on(queue, "drover.dev/paused-scale-in")) {
        hold("ScaleInPaused", "drover.dev/paused-scale-in keeps " + std::to_string(current));
    }
    if (decision.replicas > current && is_on(queue, "drover.dev/paused-scale-out")) {
        hold("ScaleOutPaused", "drover.dev/paused-scale-out keeps " + std::to_string(current));
    }
}

// A merge patch that makes `after` of `before`.
json difference(const json& before, const json& after) {
    json patch = json::object();
    for (const auto& [name, value] : after.items()) {
        const auto old = before.find(name);
        if (old == before.end() || *old != value) patch[name] = value;
    }
    for (const auto& [name, value] : before.items()) {
        if (!after.contains(name)) patch[name] = nullptr;
    }
    return patch;
}

class Reconcile {
public:
    Reconcile(kube::ApiClient& api, const ReconcilerSettings& settings, const QueueInput& input, QueueMemory& memory)
        : api_(api),
          settings_(settings),
          input_(input),
          memory_(memory),
          key_(kube::key_of(*input.object)),
          metadata_(input.object->at("metadata")) {}

    QueueOutcome run() {
        const Result<void> ended = metadata_.contains("deletionTimestamp") ? let_go() : bring_about();
        if (!ended) outcome_.failure = ended.error();
        return std::move(outcome_);
    }

private:
    Result<void> bring_about();
    void read_spec();
    void read_deployment();
    Result<bool> find_kafka();
    void decide();
    Result<void> leave_to_other();
    Result<void> apply_workload();
    Result<std::optional<json>> adopted_deployment();
    Result<bool> apply(const json& object, bool is_deployment);
    Result<void> prepare_scale_in();
    void look_whether_settled();
    void look_at_pods();
    Result<void> write_status();
    Result<void> let_go();
    Result<void> release_others();
    Result<void> release(const std::string& deployment);
    Result<void> scale_to_zero(const json& deployment);
    Result<bool> delete_topics();
    Result<void> set_finalizer(bool wanted);
    Result<void> may_write() const;
    tl::unexpected<Error> failed(const kube::ApiError& error);

    json status_before() const {
        return memory_.status ? *memory_.status : input_.object->value("status", json::object());
    }
    int current_replicas() const { return deployment_ ? deployment_->value("/spec/replicas"_json_pointer, 0) : 0; }
    void note(kube::EventNote::Type type, std::string reason, std::string action, std::string text) {
        outcome_.notes.push_back({type, std::move(reason), std::move(action), std::move(text)});
    }

    kube::ApiClient& api_;
    const ReconcilerSettings& settings_;
    const QueueInput& input_;
    QueueMemory& memory_;
    const kube::ObjectKey key_;
    const json& metadata_;
    std::optional<json> deployment_;
    Facts facts_;
    QueueOutcome outcome_;
};

Result<void> Reconcile::may_write() const {
    if (settings_.may_write()) return {};
    return failure(Error::Code::conflict, "somebody else leads", true);
}

// An API server that has too much to do says for how long it wants to be spared.
tl::unexpected<Error> Reconcile::failed(const kube::ApiError& error) {
    outcome_.retry_after = std::max(outcome_.retry_after, error.retry_after.value_or(Duration{0}));
    return tl::unexpected(kube::to_error(error));
}

Result<void> Reconcile::bring_about() {
    read_spec();
    facts_.generation = memory_.generation;
    facts_.spec_valid = memory_.spec_valid;
    if (!memory_.queue) return write_status();
    const jobqueue::JobQueue& queue = *memory_.queue;
    if (input_.view) facts_.figures = input_.view->figures;
    const bool is_last = facts_.figures && memory_.settled_at && input_.view->at > *memory_.settled_at;
    facts_.retired = operator_core::retired_retry_topics(queue, status_before(), is_last ? &*facts_.figures : nullptr);
    if (Result<void> released = release_others(); !released) return released;
    if (Result<void> set = set_finalizer(!queue.target_ref_name.empty() || queue.kafka.delete_topics); !set) return set;

    read_deployment();
    const Result<bool> found = find_kafka();
    if (!found) return tl::unexpected(found.error());
    if (!*found) return write_status();
    outcome_.kafka = memory_.kafka;
    outcome_.wish = {.queue = memory_.queue, .awake = true, .retired = facts_.retired};
    if (!input_.view) return {};  // it comes, and with it the next reconcile

    facts_.kafka_reachable = input_.view->reachable;
    facts_.topics_ready = input_.view->topics_ready;
    facts_.oldest_since = input_.view->oldest_since;
    facts_.paused_by_spec = queue.paused;
    if (input_.taken_by) return leave_to_other();
    if (!deployment_ && !queue.target_ref_name.empty()) {
        auto adopted = adopted_deployment();
        if (!adopted) return tl::unexpected(adopted.error());
        deployment_ = std::move(*adopted);
    }
    decide();
    const Result<void> applied = apply_workload();
    facts_.deployment = deployment_;
    look_whether_settled();
    look_at_pods();
    const Result<void> written = write_status();
    outcome_.workers = operator_core::workers_record_of(queue, facts_, status_before());

    const bool has_workers =
        current_replicas() > 0 || (deployment_ && deployment_->value("/status/replicas"_json_pointer, 0) > 0);
    const bool has_work = facts_.figures && facts_.figures->unfinished > 0;
    outcome_.wish.awake = has_workers || has_work;
    // Where the objects could not be made, `again` says when it is worth another try.
    const bool waits = facts_.workload_applied.is == Finding::Is::no;
    if ((has_workers || has_work) && !waits) outcome_.again = busy_interval;
    if (const std::optional<Time> change = operator_core::next_scheduled_change(memory_.policy, now())) {
        outcome_.again = std::min<Duration>(outcome_.again, *change - now());
    }
    return applied ? written : applied;
}

void Reconcile::read_spec() {
    const std::int64_t generation = metadata_.value("generation", std::int64_t{0});
    std::string annotations = metadata_.value("annotations", json::object()).dump();
    if (memory_.generation == generation && memory_.annotations == annotations) return;
    memory_.generation = generation;
    memory_.annotations = std::move(annotations);
    memory_.kafka.reset();
    memory_.settled_at.reset();
    json plain{{"apiVersion", input_.object->at("apiVersion")},
               {"kind", input_.object->at("kind")},
               {"metadata", {{"name", key_.name}, {"namespace", key_.namespace_name}, {"generation", generation}}},
               {"spec", input_.object->at("spec")}};
    for (const char* field : {"labels", "annotations"}) {
        if (metadata_.contains(field)) plain["metadata"][field] = metadata_.at(field);
    }
    jobqueue::ParsedQueues parsed = jobqueue::parse_queues(plain.dump(), "");
    if (!parsed.problems.empty() || parsed.queues.size() != 1) {
        std::string text;
        for (const jobqueue::Problem& problem : parsed.problems) {
            text += (text.empty() ? "" : "; ") + problem.path + ": " + problem.message;
        }
        memory_.queue.reset();
        memory_.spec_valid = no("InvalidSpec", text);
        note(kube::EventNote::Type::warning, "InvalidSpec", "ReadSpec", text);
        return;
    }
    parsed.queues.front().source_line = 0;
    memory_.queue = std::make_shared<const jobqueue::JobQueue>(std::move(parsed.queues.front()));
    memory_.policy = operator_core::scaling_policy_of(*memory_.queue);
    memory_.spec_valid = yes("Valid", "The spec can be acted on");
}

std::int64_t generation_of(const json& deployment) {
    return deployment.value("/metadata/generation"_json_pointer, std::int64_t{0});
}

// Not one that was deleted and made again under its name.
bool is_same_object(const json& one, const json& other) {
    const auto uid = "/metadata/uid"_json_pointer;
    return one.value(uid, "") == other.value(uid, "");
}

void Reconcile::read_deployment() {
    if (input_.deployment) deployment_ = *input_.deployment;
    if (!memory_.deployment || Steady::now() >= memory_.deployment_until) return;
    const json& ours = *memory_.deployment;
    const std::string& target = memory_.queue->target_ref_name;
    const std::string name = target.empty() ? operator_core::workload_name(key_.name) : target;
    if (ours.value("/metadata/name"_json_pointer, "") != name) return;
    const bool is_another = deployment_ && !is_same_object(*deployment_, ours);
    if (is_another || (deployment_ && generation_of(*deployment_) >= generation_of(ours))) return;
    if (!deployment_) outcome_.again = watch_lags;  // or it was deleted
    deployment_ = ours;
}

// False: it may not be asked, and facts_ say why.
Result<bool> Reconcile::find_kafka() {
    const jobqueue::JobQueue& queue = *memory_.queue;
    if (memory_.kafka && (queue.kafka.auth_secret.empty() || Steady::now() < memory_.kafka_until)) return true;
    const auto refuse = [&](std::string reason, std::string message) {
        facts_.kafka_reachable = no(std::move(reason), std::move(message));
        facts_.topics_ready = {Finding::Is::unknown, "KafkaUnknown", "The topics cannot be looked at"};
        outcome_.again = secret_lasts;
        return false;
    };
    std::optional<json> secret;
    if (!queue.kafka.auth_secret.empty()) {
        auto found = api_.get(secrets, {key_.namespace_name, queue.kafka.auth_secret});
        if (!found) {
            if (found.error().reason == kube::ApiError::Reason::not_found) {
                return refuse("SecretNotFound",
                              "There is no Secret " + queue.kafka.auth_secret + ", which spec.kafka.authSecret names");
            }
            if (found.error().reason == kube::ApiError::Reason::forbidden) {
                return refuse("SecretForbidden", found.error().message);
            }
            return failed(found.error());
        }
        secret = std::move(*found);
    }
    auto settings = operator_core::kafka_settings_of(queue, secret ? &*secret : nullptr, settings_.allowed_brokers);
    if (!settings) {
        memory_.kafka.reset();
        return refuse(settings.error().code == Error::Code::unauthorized ? "NotAllowed" : "SecretInvalid",
                      settings.error().message);
    }
    memory_.kafka = std::move(*settings);
    memory_.kafka_until = Steady::now() + secret_lasts;
    return true;
}

void Reconcile::decide() {
    const jobqueue::JobQueue& queue = *memory_.queue;
    if (!memory_.scaling) {
        memory_.scaling =
            operator_core::memory_from(input_.object->value("/status/scalingMemory"_json_pointer, json::object()));
    }
    const bool paused = queue.paused || (facts_.figures && facts_.figures->paused);
    const int current = current_replicas();
    const auto seen = operator_core::observation_of(facts_.figures ? &*facts_.figures : nullptr, current, 0, paused);
    Decision decision = operator_core::decide(memory_.policy, seen, *memory_.scaling, now());
    heed_annotations(queue, current, decision);
    memory_.scaling = decision.next;
    facts_.decision = decision;
    outcome_.decision = std::move(decision);
}

// Two queues that scale one Deployment would undo each other's work.
Result<void> Reconcile::leave_to_other() {
    facts_.workload_applied =
        no("DeploymentTaken", "The Deployment " + memory_.queue->target_ref_name + " belongs to the JobQueue " +
                                  *input_.taken_by + ", which came first");
    deployment_.reset();
    outcome_.wish.awake = false;
    outcome_.again = 5s;
    return write_status();
}

Result<std::optional<json>> Reconcile::adopted_deployment() {
    auto found = api_.get(deployments, {key_.namespace_name, memory_.queue->target_ref_name});
    if (found) return std::optional<json>(std::move(*found));
    if (found.error().reason == kube::ApiError::Reason::not_found) return std::optional<json>();
    return failed(found.error());
}

Result<void> Reconcile::apply_workload() {
    const jobqueue::JobQueue& queue = *memory_.queue;
    // Workers without topics would only crash; those that run already are better kept as the user wants them.
    if (!deployment_ && facts_.topics_ready.is != Finding::Is::yes) {
        facts_.workload_applied = {Finding::Is::unknown, "WaitsForTopics",
                                   "The workers are made when the topics are there"};
        return {};
    }
    const int current = current_replicas();
    const int wanted = facts_.decision->replicas;
    const auto workload = operator_core::workload_of(queue, settings_.installation,
                                                     {.uid = metadata_.at("uid"),
                                                      .replicas = wanted,
                                                      .drain_token = metadata_.at("uid"),
                                                      .deployment = deployment_,
                                                      .retired = facts_.retired});
    if (!workload) {
        const bool missing = workload.error().code == Error::Code::not_found;
        facts_.workload_applied = no(missing ? "DeploymentNotFound" : "InvalidTemplate", workload.error().message);
        outcome_.again = 5s;
        return {};
    }
    facts_.drain_hook_conflict = workload->drain_hook_conflict;
    if (deployment_ && wanted < current) {
        if (Result<void> prepared = prepare_scale_in(); !prepared) {
            facts_.workload_applied =
                no("ScaleInNotPrepared", "The pods cannot be told apart, so all are kept: " + prepared.error().message);
            return prepared;
        }
    }
    if (Steady::now() >= memory_.applied_until) {
        memory_.applied.clear();
        memory_.applied_until = Steady::now() + applied_lasts;
    }
    bool is_deployment_applied = false;
    for (const json& object : workload->objects) {
        const bool is_deployment = object.at("kind") == "Deployment";
        const Result<bool> applied = apply(object, is_deployment);
        if (!applied) {
            facts_.workload_applied = no("ApplyFailed", object.at("kind").get<std::string>() + " " +
                                                            object.at("metadata").at("name").get<std::string>() + ": " +
                                                            applied.error().message);
            // What the API server finds wrong does not mend itself: no need to ask it again and again. That somebody
            // else wrote at the same time does.
            if (applied.error().retryable || applied.error().code == Error::Code::conflict) {
                return tl::unexpected(applied.error());
            }
            note(kube::EventNote::Type::warning, "ApplyFailed", "Apply", facts_.workload_applied.message);
            outcome_.again = 60s;
            return {};
        }
        is_deployment_applied = is_deployment_applied || (is_deployment && *applied);
    }
    facts_.workload_applied = yes("Applied", "Kubernetes has the workers' objects");
    outcome_.wish.hot_config = workload->hot_config;  // after the ConfigMap: a pod that starts now is not behind
    outcome_.is_scaled = wanted != current && is_deployment_applied;
    if (outcome_.is_scaled) {
        const Decision& decision = *facts_.decision;
        note(kube::EventNote::Type::normal, wanted > current ? "ScaledOut" : "ScaledIn", "Scale",
             "From " + std::to_string(current) + " to " + std::to_string(wanted) + ": " + decision.message);
        log::info("scaled", {{"queue", key_.text()},
                             {"from", current},
                             {"to", wanted},
                             {"reason", decision.reason},
                             {"why", decision.message}});
    }
    return {};
}

// Whether there was anything to do.
Result<bool> Reconcile::apply(const json& object, bool is_deployment) {
    const std::string name =
        object.at("kind").get<std::string>() + "/" + object.at("metadata").at("name").get<std::string>();
    const std::size_t hash = std::hash<std::string>{}(object.dump());
    const auto known = memory_.applied.find(name);
    bool is_current = known != memory_.applied.end() && known->second == hash;
    // Somebody else has edited it since: what is ours is made so again.
    if (is_deployment && is_current) {
        is_current = deployment_ && memory_.deployment && is_same_object(*deployment_, *memory_.deployment) &&
                     generation_of(*deployment_) <= generation_of(*memory_.deployment);
    }
    if (is_current) return false;
    if (Result<void> leads = may_write(); !leads) return tl::unexpected(leads.error());
    auto applied = api_.apply(resource_of(object), object, {.field_manager = field_manager, .force = true});
    if (!applied) return failed(applied.error());
    memory_.applied[name] = hash;
    if (is_deployment) {
        memory_.deployment = *applied;
        memory_.deployment_until = Steady::now() + watch_lags;
        deployment_ = std::move(*applied);
    }
    return true;
}

Result<void> Reconcile::prepare_scale_in() {
    auto reports = list_worker_pods(api_, key_);
    if (!reports) return failed(reports.error());
    ask_worker_pods(*reports, memory_.silent_pods);
    memory_.pods = std::move(*reports);
    memory_.pods_until = Steady::now() + pods_last;
    for (const operator_core::PodReport& pod : memory_.pods) {
        if (pod.ending) continue;
        if (Result<void> leads = may_write(); !leads) return leads;
        const auto set = set_deletion_cost(api_, key_.namespace_name, pod, field_manager);
        if (!set) return failed(set.error());
    }
    return {};
}

// While there are retired retry topics: as long as a pod has an earlier configuration, it may write to them.
void Reconcile::look_whether_settled() {
    if (facts_.retired.empty() || !deployment_) return;
    outcome_.again = std::min<Duration>(outcome_.again, 5s);
    if (facts_.workload_applied.is != Finding::Is::yes) return;
    const auto annotations = "/spec/template/metadata/annotations"_json_pointer;
    const std::string config =
        deployment_->value(annotations, json::object()).value(std::string(operator_core::config_annotation), "");
    const auto reports = list_worker_pods(api_, key_);
    if (!reports) {
        log::warn("the worker pods cannot be listed", {{"queue", key_.text()}, {"error", reports.error().message}});
    }
    const bool settled =
        reports && std::ranges::all_of(*reports, [&](const auto& pod) { return pod.config == config; });
    if (!settled) {
        memory_.settled_at.reset();
    } else if (!memory_.settled_at) {
        memory_.settled_at = now();
    }
}

// Their words are for the conditions only, so that they cannot be had is no failure.
void Reconcile::look_at_pods() {
    const int wanted = current_replicas();
    if (wanted == 0) {
        memory_.pods.clear();
        return;
    }
    if (Steady::now() >= memory_.pods_until) {
        auto reports = list_worker_pods(api_, key_);
        if (reports) {
            ask_worker_pods(*reports, memory_.silent_pods);
            memory_.pods = std::move(*reports);
        } else {
            log::warn("the worker pods cannot be listed", {{"queue", key_.text()}, {"error", reports.error().message}});
        }
        const bool start = deployment_->value("/status/readyReplicas"_json_pointer, 0) < wanted;
        memory_.pods_until = Steady::now() + (start ? pods_that_start_last : pods_last);
    }
    facts_.pods = memory_.pods;
}

Result<void> Reconcile::write_status() {
    // An invalid queue still has its workers.
    static const jobqueue::JobQueue nameless;
    jobqueue::JobQueue named;
    if (!memory_.queue) {
        named = nameless;
        named.name = key_.name;
    }
    facts_.deployment = deployment_;
    const json before = status_before();
    json after = operator_core::status_of(memory_.queue ? *memory_.queue : named, facts_, before, now());
    const json patch = difference(before, after);
    if (patch.empty()) {
        memory_.status = std::move(after);
        return {};
    }
    const bool urgent = !memory_.status || operator_core::is_urgent(before, after);
    if (!urgent && Steady::now() < memory_.status_at + status_interval) return {};
    if (Result<void> leads = may_write(); !leads) return leads;
    const auto written =
        api_.merge_patch(job_queues, key_, "status", json{{"status", patch}}, {.field_manager = field_manager});
    if (!written) {
        if (written.error().reason == kube::ApiError::Reason::not_found) return {};  // deleted meanwhile
        return failed(written.error());
    }
    memory_.status = std::move(after);
    memory_.status_at = Steady::now();
    return {};
}

// The user's own Deployment goes on without us; what we made goes with its owner.
Result<void> Reconcile::let_go() {
    const json finalizers = metadata_.value("finalizers", json::array());
    if (std::ranges::find(finalizers, json(finalizer)) == finalizers.end()) return {};
    const std::string name = input_.object->value("/spec/targetRef/name"_json_pointer, "");
    if (!name.empty()) {
        if (Result<void> released = release(name); !released) return released;
    }
    if (Result<void> released = release_others(); !released) return released;
    read_spec();
    if (memory_.queue && memory_.queue->kafka.delete_topics) {
        const Result<bool> gone = delete_topics();
        if (!gone) {
            note(kube::EventNote::Type::warning, "TopicsNotDeleted", "Delete", gone.error().message);
            return tl::unexpected(gone.error());
        }
        outcome_.again = leaving_interval;
        if (!*gone) return {};
    }
    return set_finalizer(false);
}

// What an earlier spec.targetRef named, and the queue's own Deployment once it has the one that it names now.
Result<void> Reconcile::release_others() {
    for (const kube::Object& other : input_.others) {
        const json annotations = other->value("/spec/template/metadata/annotations"_json_pointer, json::object());
        const bool has_sidecar = annotations.contains(std::string(operator_core::config_annotation));
        const json owners = other->value("/metadata/ownerReferences"_json_pointer, json::array());
        const bool is_ours = std::ranges::any_of(
            owners, [&](const json& owner) { return owner.value("uid", "") == metadata_.at("uid"); });
        if (!has_sidecar || (is_ours && !input_.deployment)) continue;
        const Result<void> done = is_ours ? scale_to_zero(*other) : release(kube::key_of(*other).name);
        if (!done) return done;
    }
    return {};
}

// Takes back what was added to a Deployment of the user's. Asked for anew: another queue may have it by now.
Result<void> Reconcile::release(const std::string& deployment) {
    const auto found = api_.get(deployments, {key_.namespace_name, deployment});
    if (!found && found.error().reason == kube::ApiError::Reason::not_found) return {};
    if (!found) return failed(found.error());
    if (queue_of(*found) != key_) return {};
    const json nothing{{"apiVersion", "apps/v1"},
                       {"kind", "Deployment"},
                       {"metadata",
                        {{"name", deployment},
                         {"namespace", key_.namespace_name},
                         {"resourceVersion", found->at("metadata").at("resourceVersion")}}}};
    if (Result<void> leads = may_write(); !leads) return leads;
    const auto applied = api_.apply(deployments, nothing, {.field_manager = field_manager, .force = true});
    if (!applied) return failed(applied.error());
    log::info("a Deployment was let go", {{"queue", key_.text()}, {"deployment", deployment}});
    return {};
}

// One of its own.
Result<void> Reconcile::scale_to_zero(const json& deployment) {
    if (deployment.value("/spec/replicas"_json_pointer, 0) == 0) return {};
    if (Result<void> leads = may_write(); !leads) return leads;
    const auto scaled = api_.merge_patch(deployments, kube::key_of(deployment), "", json{{"spec", {{"replicas", 0}}}},
                                         {.field_manager = field_manager});
    if (scaled || scaled.error().reason == kube::ApiError::Reason::not_found) return {};
    return failed(scaled.error());
}

// False: not yet, since pods that run would make them anew by writing there.
Result<bool> Reconcile::delete_topics() {
    const jobqueue::JobQueue& queue = *memory_.queue;
    if (queue.target_ref_name.empty() && input_.deployment) {
        if (Result<void> scaled = scale_to_zero(*input_.deployment); !scaled) return tl::unexpected(scaled.error());
    }
    // Who reads its figures, and would make a missing topic anew, is told of the end by what this reconcile returns.
    if (!std::exchange(memory_.is_leaving, true)) return false;
    const auto left = list_worker_pods(api_, key_);
    if (!left) return failed(left.error());
    if (!left->empty()) return false;
    const Result<bool> found = find_kafka();
    if (!found) return found;
    if (!*found) {
        note(kube::EventNote::Type::warning, "TopicsKept", "Delete", facts_.kafka_reachable.message);
        return true;
    }
    const jobqueue::Topics topics = jobqueue::topics_of(queue);
    std::vector<std::string> names{topics.main, topics.dead_letters, topics.control};
    for (const jobqueue::LaneTopic& lane : topics.lanes) {
        if (lane.topic != topics.main) names.push_back(lane.topic);
    }
    for (const jobqueue::RetryTopic& retry : topics.retries) names.push_back(retry.topic);
    for (const jobqueue::RetryTopic& retired : operator_core::retired_retry_topics(queue, status_before(), nullptr)) {
        names.push_back(retired.topic);
    }
    const auto admin = kafka::Admin::connect(*memory_.kafka, kafka_timeout);
    if (!admin) return tl::unexpected(admin.error());
    if (Result<void> leads = may_write(); !leads) return tl::unexpected(leads.error());
    if (Result<void> deleted = (*admin)->delete_topics(names); !deleted) return tl::unexpected(deleted.error());
    return true;
}

Result<void> Reconcile::set_finalizer(bool wanted) {
    json finalizers = metadata_.value("finalizers", json::array());
    const auto found = std::ranges::find(finalizers, json(finalizer));
    if ((found != finalizers.end()) == wanted) return {};
    if (wanted) {
        finalizers.push_back(finalizer);
    } else {
        finalizers.erase(found);
    }
    if (Result<void> leads = may_write(); !leads) return leads;
    const json patch{{"metadata", {{"finalizers", finalizers}, {"resourceVersion", metadata_.at("resourceVersion")}}}};
    const auto patched = api_.merge_patch(job_queues, key_, "", patch, {.field_manager = field_manager});
    if (patched || patched.error().reason == kube::ApiError::Reason::not_found) return {};
    return failed(patched.error());
}

}  // namespace

QueueOutcome QueueReconciler::reconcile(const QueueInput& input, QueueMemory& memory) {
    try {
        return Reconcile(api_, settings_, input, memory).run();
    } catch (const json::exception& error) {
        // A field of another type than Kubernetes has there.
        return {.failure = Error{Error::Code::invalid, std::string("an object cannot be read: ") + error.what(), true}};
    }
}

}  // namespace drover::operators
