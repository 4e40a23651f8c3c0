#include "operator/operator.h"

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <random>
#include <set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <nlohmann/json.hpp>

#include "operator/deployment_claims.h"
#include "operator/kafka_cluster.h"
#include "operator/mirror.h"
#include "operator/operator_metrics.h"
#include "operator/queue_announcer.h"
#include "operator/queue_reconciler.h"
#include "src/http/server.h"
#include "src/kube/event_recorder.h"
#include "src/kube/leader_elector.h"
#include "src/kube/work_queue.h"
#include "src/telemetry/health.h"
#include "src/telemetry/log.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;
using kube::ObjectKey;
using nlohmann::json;

constexpr std::size_t reconcile_threads = 4;
// A dead leader's successor acts within 15 s.
constexpr auto lease_duration = 10s;
constexpr auto renew_deadline = 6s;
constexpr auto lease_retry_period = 1500ms;
constexpr auto lease_request_timeout = 4s;  // below the renew deadline
constexpr auto workers_interval = 10s;      // of what gateways are told beside decisions
constexpr const char* controller = "drover.dev/operator";

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

const json& metadata_of(const json& object, const char* field) {
    static const json none;
    const json& metadata = object.at("metadata");
    const auto found = metadata.find(field);
    return found == metadata.end() ? none : *found;
}

// The one that it names, or else its own.
ObjectKey deployment_key_of(const ObjectKey& queue, const json& object) {
    const std::string adopted = object.value("/spec/targetRef/name"_json_pointer, "");
    return {queue.namespace_name, adopted.empty() ? operator_core::workload_name(queue.name) : adopted};
}

// Our own writes to a status are no news.
bool is_news(const kube::Change& change) {
    if (!change.before || !change.after) return true;
    return std::ranges::any_of(
        std::initializer_list<const char*>{"uid", "generation", "annotations", "labels", "deletionTimestamp",
                                           "finalizers"},
        [&](const char* field) { return metadata_of(*change.before, field) != metadata_of(*change.after, field); });
}

class Operator final : private kube::LeaderElector::Listener {
public:
    Operator(boost::asio::io_context& io, const OperatorSettings& settings) : io_(io), settings_(settings) {}
    ~Operator() = default;
    Operator(const Operator&) = delete;
    Operator& operator=(const Operator&) = delete;

    Result<void> start();
    // Finishes the reconciles that are under way and gives the lease away.
    void stop();
    http::Response answer(const http::Request& request);

private:
    // One Kafka, and who asks it.
    struct Cluster final : KafkaCluster::Listener {
        Cluster(Operator& owner, const kafka::Settings& settings)
            : operator_(owner),
              servers(settings.at("bootstrap.servers")),
              work(settings, owner.io_.get_executor(), *this, [&owner] { return owner.may_write(); }) {}
        void looked(const ObjectKey& queue, const QueueView& view) override { operator_.looked(queue, view); }
        void round_done(Duration took, bool reachable) override {
            last = KafkaGauges{.servers = servers, .work = took, .reachable = reachable};
        }
        Operator& operator_;
        const std::string servers;
        std::optional<KafkaGauges> last;  // nothing: not looked at yet
        std::set<ObjectKey> queues;
        KafkaCluster work;  // last: it calls the rest
    };
    // What is known about a queue beside its objects.
    struct Queue {
        std::shared_ptr<QueueMemory> memory = std::make_shared<QueueMemory>();  // of the reconcile that is under way
        std::optional<QueueView> view;
        std::optional<kafka::Settings> kafka;
        std::optional<int> desired;
        // As the gateways of which Kafka were last told of it.
        std::shared_ptr<const jobqueue::JobQueue> announced;
        std::optional<kafka::Settings> announced_at;
        std::optional<jobqueue::WorkersRecord> told;  // of its workers
        std::chrono::steady_clock::time_point told_at;
    };

    void leading() override;
    void following(const std::string& holder) override;
    void election_failed(const kube::ApiError& error) override;

    void queue_changed(const kube::Change& change);
    void deployment_changed(const kube::Change& change);
    void looked(const ObjectKey& key, const QueueView& view);
    void reconcile_ready();
    void begin(const ObjectKey& key);
    void ended(const ObjectKey& key, const QueueOutcome& outcome, Duration took);
    void ask_kafka(const ObjectKey& key, const QueueOutcome& outcome);
    void forget(const ObjectKey& key);
    void leave_kafka(const ObjectKey& key, Queue& queue);
    void announce(Queue& queue, const std::shared_ptr<const jobqueue::JobQueue>& now_is);
    AnnouncerSettings announcer_settings(const kafka::Settings& kafka);
    Result<std::string> installation() const;
    std::set<std::string, std::less<>> queue_names() const;  // <namespace>.<name>
    void tell(Queue& queue, const jobqueue::WorkersRecord& workers);
    void withdraw(Queue& queue);
    void write_event(const ObjectKey& key, const kube::EventNote& note);
    void wait_for_next();
    bool is_synced() const;
    bool may_write() const { return !settings_.lease || (elector_ && elector_->leads()); }

    kube::Object find(const std::vector<std::unique_ptr<Mirror>>& mirrors, const ObjectKey& key) const;
    kube::Object deployment_of(const ObjectKey& key, const json& queue) const;
    QueueInput input_of(const ObjectKey& key, const kube::Object& object, const std::optional<QueueView>& view) const;

    boost::asio::io_context& io_;
    const OperatorSettings& settings_;
    OperatorMetrics metrics_;
    std::unique_ptr<kube::ApiClient> api_, lease_api_;
    std::unique_ptr<QueueReconciler> reconciler_;
    kube::EventRecorder events_{controller, settings_.identity};
    kube::WorkQueue work_;
    std::map<ObjectKey, Queue> queues_;
    std::map<kafka::Settings, std::unique_ptr<Cluster>> clusters_;
    std::map<kafka::Settings, std::unique_ptr<QueueAnnouncer>> announcers_;
    boost::asio::steady_timer timer_{io_};
    std::mt19937_64 random_{std::random_device{}()};
    bool leads_ = false;
    bool stopping_ = false;
    DeploymentClaims claims_;
    std::vector<std::unique_ptr<Mirror>> queue_mirrors_, deployment_mirrors_;
    std::unique_ptr<kube::LeaderElector> elector_;
    boost::asio::thread_pool pool_{reconcile_threads};
};

Result<void> Operator::start() {
    auto api = kube::ApiClient::create(settings_.connection);
    if (!api) return tl::unexpected(api.error());
    auto lease_api = kube::ApiClient::create(settings_.connection, {.timeout = lease_request_timeout});
    if (!lease_api) return tl::unexpected(lease_api.error());
    api_ = std::move(*api);
    lease_api_ = std::move(*lease_api);
    reconciler_ =
        std::make_unique<QueueReconciler>(*api_, ReconcilerSettings{.installation = settings_.installation,
                                                                    .allowed_brokers = settings_.allowed_brokers,
                                                                    .may_write = [this] { return may_write(); }});

    std::vector<std::string> namespaces = settings_.namespaces;
    if (namespaces.empty()) namespaces.emplace_back();
    for (const std::string& each : namespaces) {
        queue_mirrors_.push_back(std::make_unique<Mirror>(
            *api_, kube::Watch::Settings{.resource = job_queues, .selection = {.namespace_name = each}},
            io_.get_executor(), [this](const kube::Change& change) { queue_changed(change); }));
        deployment_mirrors_.push_back(std::make_unique<Mirror>(
            *api_,
            kube::Watch::Settings{
                .resource = deployments,
                .selection = {.namespace_name = each, .label_selector = std::string(operator_core::queue_label)}},
            io_.get_executor(), [this](const kube::Change& change) { deployment_changed(change); }));
    }
    if (!settings_.lease) {
        leading();
        return {};
    }
    kube::LeaderElector::Listener& listener = *this;
    elector_ = std::make_unique<kube::LeaderElector>(*lease_api_, *settings_.lease,
                                                     kube::ElectionSettings{.identity = settings_.identity,
                                                                            .lease_duration = lease_duration,
                                                                            .renew_deadline = renew_deadline,
                                                                            .retry_period = lease_retry_period},
                                                     io_.get_executor(), listener);
    return {};
}

void Operator::stop() {
    stopping_ = true;
    timer_.cancel();
    pool_.join();
    clusters_.clear();
    announcers_.clear();
    elector_.reset();
    queue_mirrors_.clear();
    deployment_mirrors_.clear();
}

void Operator::leading() {
    log::info("leading", {{"identity", settings_.identity}});
    leads_ = true;
    metrics_.set_leading(true);
    for (const auto& mirror : queue_mirrors_) {
        for (const auto& [key, object] : mirror->store().objects()) work_.add(key, now());
    }
    reconcile_ready();
}

// What was remembered may be old when this one leads again.
void Operator::following(const std::string& holder) {
    if (leads_) log::warn("leading no more", {{"holder", holder}});
    leads_ = false;
    metrics_.set_leading(false);
    clusters_.clear();
    announcers_.clear();
    queues_.clear();
}

void Operator::election_failed(const kube::ApiError& error) {
    log::warn("the lease cannot be read or written", {{"error", error.message}});
}

void Operator::queue_changed(const kube::Change& change) {
    claims_.queue_changed(change);
    if (!leads_) return;
    if (change.kind == kube::Change::Kind::deleted) forget(change.key);
    if (is_news(change)) {
        work_.add(change.key, now());
        reconcile_ready();
    }
}

void Operator::deployment_changed(const kube::Change& change) {
    claims_.deployment_changed(change);
    const std::optional<ObjectKey> queue = queue_of(change.after ? *change.after : *change.before);
    if (!queue || !leads_ || !find(queue_mirrors_, *queue)) return;
    work_.add(*queue, now());
    reconcile_ready();
}

void Operator::looked(const ObjectKey& key, const QueueView& view) {
    const auto queue = queues_.find(key);
    if (!leads_ || queue == queues_.end()) return;
    queue->second.view = view;
    work_.add(key, now());
    reconcile_ready();
}

bool Operator::is_synced() const {
    const auto synced = [](const auto& mirror) { return mirror->synced(); };
    return std::ranges::all_of(queue_mirrors_, synced) && std::ranges::all_of(deployment_mirrors_, synced);
}

void Operator::reconcile_ready() {
    // Before all Deployments are known, one that is not known is not missing.
    if (!leads_ || stopping_ || !is_synced()) {
        if (!stopping_ && leads_) {
            timer_.expires_after(100ms);
            timer_.async_wait([this](boost::system::error_code error) {
                if (!error) reconcile_ready();
            });
        }
        return;
    }
    while (work_.active() < reconcile_threads) {
        const std::optional<ObjectKey> key = work_.take(now());
        if (!key) break;
        begin(*key);
    }
    metrics_.set_depth(work_.waiting());
    wait_for_next();
}

void Operator::wait_for_next() {
    if (work_.active() >= reconcile_threads) return;  // the next end looks again
    const std::optional<Time> due = work_.next_due();
    if (!due) return;
    timer_.expires_after(std::max<Duration>(*due - now(), Duration{0}));
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) reconcile_ready();
    });
}

kube::Object Operator::find(const std::vector<std::unique_ptr<Mirror>>& mirrors, const ObjectKey& key) const {
    for (const auto& mirror : mirrors) {
        if (kube::Object object = mirror->store().get(key)) return object;
    }
    return nullptr;
}

kube::Object Operator::deployment_of(const ObjectKey& key, const json& queue) const {
    return find(deployment_mirrors_, deployment_key_of(key, queue));
}

QueueInput Operator::input_of(const ObjectKey& key, const kube::Object& object,
                              const std::optional<QueueView>& view) const {
    QueueInput input{.object = object,
                     .deployment = deployment_of(key, *object),
                     .view = view,
                     .taken_by = claims_.taken_by(key, *object),
                     .others = {}};
    for (const ObjectKey& labelled : claims_.labelled(key)) {
        if (labelled == deployment_key_of(key, *object)) continue;
        // A list that is being told of may lack it already.
        if (kube::Object other = find(deployment_mirrors_, labelled)) input.others.push_back(std::move(other));
    }
    return input;
}

void Operator::begin(const ObjectKey& key) {
    const kube::Object object = find(queue_mirrors_, key);
    if (!object) {  // deleted
        work_.forget(key);
        work_.done(key);
        return;
    }
    Queue& queue = queues_[key];
    QueueInput input = input_of(key, object, queue.view);
    boost::asio::post(pool_, [this, key, input = std::move(input), memory = queue.memory] {
        const auto began = std::chrono::steady_clock::now();
        QueueOutcome outcome = reconciler_->reconcile(input, *memory);
        const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
        boost::asio::post(io_, [this, key, took, outcome = std::move(outcome)] { ended(key, outcome, took); });
    });
}

void Operator::ended(const ObjectKey& key, const QueueOutcome& outcome, Duration took) {
    metrics_.reconciled(took, !outcome.failure);
    if (stopping_) return;
    work_.done(key);
    if (!leads_) return;
    if (outcome.is_scaled) metrics_.scaled(outcome.decision->reason);
    for (const kube::EventNote& note : outcome.notes) write_event(key, note);
    if (queues_.contains(key)) ask_kafka(key, outcome);
    if (outcome.failure) {
        std::uniform_real_distribution<double> distribution(0, 1);
        work_.add_after_failure(key, now(), distribution(random_), outcome.retry_after);
        log::warn("a reconcile failed, and is tried again",
                  {{"queue", key.text()}, {"failures", work_.failures(key)}, {"error", outcome.failure->message}});
    } else {
        work_.forget(key);
        work_.add(key, now() + outcome.again);
    }
    reconcile_ready();
}

void Operator::ask_kafka(const ObjectKey& key, const QueueOutcome& outcome) {
    Queue& queue = queues_[key];
    if (outcome.decision) queue.desired = outcome.decision->replicas;
    if (outcome.failure && !outcome.kafka) return;  // as before, whatever that was
    if (queue.kafka != outcome.kafka) {
        leave_kafka(key, queue);
        queue.kafka = outcome.kafka;
    }
    if (!queue.kafka) return;
    std::unique_ptr<Cluster>& cluster = clusters_[*queue.kafka];
    if (!cluster) cluster = std::make_unique<Cluster>(*this, *queue.kafka);
    cluster->queues.insert(key);
    cluster->work.wish(key, outcome.wish);
    if (outcome.wish.queue) announce(queue, outcome.wish.queue);
    if (outcome.workers && queue.announced) tell(queue, *outcome.workers);
}

void Operator::announce(Queue& queue, const std::shared_ptr<const jobqueue::JobQueue>& now_is) {
    if (queue.announced == now_is && queue.announced_at == queue.kafka) return;
    const auto servers = [](const kafka::Settings& settings) { return settings.at("bootstrap.servers"); };
    // Other settings for the same brokers are another way to the same topic.
    if (queue.announced_at && servers(*queue.announced_at) != servers(*queue.kafka)) withdraw(queue);
    std::unique_ptr<QueueAnnouncer>& announcer = announcers_[*queue.kafka];
    if (!announcer) announcer = std::make_unique<QueueAnnouncer>(announcer_settings(*queue.kafka));
    announcer->announce(*now_is);
    queue.announced = now_is;
    queue.announced_at = queue.kafka;
}

AnnouncerSettings Operator::announcer_settings(const kafka::Settings& kafka) {
    return {.kafka = kafka,
            .may_write = [this] { return may_write(); },
            .installation = [this] { return installation(); },
            .is_gone =
                [there = queue_names(), namespaces = settings_.namespaces](std::string_view queue) {
                    const std::string_view of = queue.substr(0, queue.find('.'));
                    const bool is_watched = namespaces.empty() || std::ranges::find(namespaces, of) != namespaces.end();
                    return is_watched && !there.contains(queue);
                }};
}

// The lease is the one thing that all replicas share and no other cluster has. Any thread.
Result<std::string> Operator::installation() const {
    if (!settings_.lease) return "";
    const auto lease = lease_api_->get(kube::leases, *settings_.lease);
    if (!lease) return tl::unexpected(kube::to_error(lease.error()));
    return lease->value("/metadata/uid"_json_pointer, "");
}

std::set<std::string, std::less<>> Operator::queue_names() const {
    std::set<std::string, std::less<>> names;
    for (const auto& mirror : queue_mirrors_) {
        for (const auto& [key, object] : mirror->store().objects()) names.insert(key.namespace_name + "." + key.name);
    }
    return names;
}

void Operator::tell(Queue& queue, const jobqueue::WorkersRecord& workers) {
    const auto steady_now = std::chrono::steady_clock::now();
    if (queue.told) {
        const jobqueue::WorkersNews news = jobqueue::news_of(*queue.told, workers);
        if (news == jobqueue::WorkersNews::none) return;
        if (news == jobqueue::WorkersNews::soon && steady_now < queue.told_at + workers_interval) return;
    }
    announcers_.at(*queue.announced_at)->announce(*queue.announced, workers);
    queue.told = workers;
    queue.told_at = steady_now;
}

void Operator::withdraw(Queue& queue) {
    queue.told.reset();
    if (!queue.announced) return;
    const auto announcer = announcers_.find(*queue.announced_at);
    if (announcer != announcers_.end()) announcer->second->withdraw(*queue.announced);
    queue.announced.reset();
    queue.announced_at.reset();
}

void Operator::leave_kafka(const ObjectKey& key, Queue& queue) {
    queue.view.reset();
    if (!queue.kafka) return;
    const auto cluster = clusters_.find(*queue.kafka);
    queue.kafka.reset();
    if (cluster == clusters_.end()) return;
    cluster->second->work.forget(key);
    cluster->second->queues.erase(key);
    if (cluster->second->queues.empty()) clusters_.erase(cluster);
}

void Operator::forget(const ObjectKey& key) {
    const auto queue = queues_.find(key);
    if (queue == queues_.end()) return;
    withdraw(queue->second);
    leave_kafka(key, queue->second);
    queues_.erase(queue);
}

void Operator::write_event(const ObjectKey& key, const kube::EventNote& note) {
    const kube::Object object = find(queue_mirrors_, key);
    if (!object) return;
    std::optional<kube::EventWrite> write = events_.record(*object, note, now());
    if (!write) return;
    boost::asio::post(pool_, [this, write = std::move(*write)] {
        if (!may_write()) return;
        const kube::WriteOptions options{.field_manager = field_manager};
        const auto written = write.create ? api_->create(kube::events, write.body, options)
                                          : api_->merge_patch(kube::events, write.key, "", write.body, options);
        if (!written) log::warn("an event cannot be written", {{"error", written.error().message}});
    });
}

http::Response Operator::answer(const http::Request& request) {
    telemetry::Health health;
    std::string trouble;
    for (const auto* mirrors : {&queue_mirrors_, &deployment_mirrors_}) {
        for (const auto& mirror : *mirrors) {
            if (!mirror->synced()) trouble = mirror->trouble().empty() ? "not read yet" : mirror->trouble();
        }
    }
    health.set("kubernetes", trouble.empty(), trouble);
    if (request.path == "/healthz") return http::json_response(health.live() ? 200 : 503, health.json());
    if (request.path == "/readyz") return http::json_response(health.ready() ? 200 : 503, health.json());
    if (request.path != "/metrics") return http::problem(404, "Not found", "no " + request.path + " here");
    std::vector<QueueGauges> gauges;
    for (const auto& [key, queue] : queues_) {
        QueueGauges each{.queue = key, .desired = queue.desired};
        if (queue.view) {
            each.figures = queue.view->figures;
            each.oldest_since = queue.view->oldest_since;
        }
        if (const kube::Object object = find(queue_mirrors_, key)) {
            if (const kube::Object deployment = deployment_of(key, *object)) {
                each.ready = deployment->value("/status/readyReplicas"_json_pointer, 0);
            }
            for (const json& condition : object->value("/status/conditions"_json_pointer, json::array())) {
                if (condition.value("type", "") == "Ready") each.is_ready = condition.value("status", "") == "True";
            }
        }
        gauges.push_back(std::move(each));
    }
    std::vector<KafkaGauges> kafkas;
    for (const auto& [settings, cluster] : clusters_) {
        if (cluster->last) kafkas.push_back(*cluster->last);
    }
    return {.headers = {{"content-type", "text/plain; version=0.0.4"}}, .body = metrics_.text(gauges, kafkas, now())};
}

}  // namespace

int run_operator(const OperatorSettings& settings) {
    boost::asio::io_context io(1);
    Operator one(io, settings);
    const auto face = http::Server::listen(
        io.get_executor(), {.address = settings.address, .port = settings.port},
        [&](const http::Request& request, const http::Server::Reply& reply) { reply(one.answer(request)); });
    const Result<void> started = face ? one.start() : tl::unexpected(face.error());
    if (!started) {
        log::error("the operator cannot start", {{"error", started.error().message}});
        return started.error().code == Error::Code::invalid ? 2 : 1;
    }
    log::info("operator started",
              {{"identity", settings.identity}, {"server", settings.connection.server}, {"port", (*face)->port()}});
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](boost::system::error_code error, int) {
        if (error) return;
        log::info("stopping", {});
        one.stop();
        (*face)->stop([&] { io.stop(); });
    });
    io.run();
    return 0;
}

}  // namespace drover::operators
