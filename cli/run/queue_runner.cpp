#include "cli/run/queue_runner.h"

#include <algorithm>
#include <fstream>

#include <boost/asio/post.hpp>

#include "cli/run/data_folder.h"
#include "cli/run/sidecar_log.h"
#include "src/jobqueue/sidecar_config.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

// What Kafka's own clients use on a real one. The embedded broker lets a session run out while its member waits for a
// rebalance, which may take as long as the longest job and the sidecar's grace; so that a crashed sidecar does not
// block its partitions for so long, the runner takes it out of its groups itself.
constexpr auto session_timeout = 6s;
constexpr auto embedded_session_margin = 70s;
constexpr auto longest_session = 1h;      // that librdkafka takes
constexpr std::size_t max_examples = 20;  // as many classes as a sidecar's figures have

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

const std::string& name_of(const std::shared_ptr<Replica>& replica) { return replica->name(); }

}  // namespace

QueueRunner::QueueRunner(RunPlace& place, jobqueue::JobQueue queue)
    : place_(place), queue_(std::move(queue)), policy_(operator_core::scaling_policy_of(queue_)) {}

// --- scaling

void QueueRunner::observe(const jobqueue::QueueFigures* figures) {
    figures_ = figures ? std::optional(*figures) : std::nullopt;
    const auto in_flight = static_cast<std::int64_t>(stats().in_flight);
    const operator_core::Observation seen =
        operator_core::observation_of(figures, wanted_, in_flight, queue_.paused || (figures && figures->paused));
    operator_core::Decision decision = operator_core::decide(policy_, seen, memory_, now());
    memory_ = std::move(decision.next);
    reason_ = std::move(decision.reason);
    message_ = std::move(decision.message);
    if (!stopping_) scale_to(decision.replicas);
}

void QueueRunner::scale_to(int wanted) {
    wanted_ = wanted;
    problem_.clear();
    while (working() < wanted_ && problem_.empty()) start_replica();
    while (working() > wanted_) stop_idlest();
}

int QueueRunner::working() const {
    return static_cast<int>(std::ranges::count_if(replicas_, [](const auto& each) { return !each->is_stopping(); }));
}

void QueueRunner::start_replica() {
    const Result<PortPool::Ports> ports = place_.ports.take();
    if (!ports) {
        problem_ = ports.error().message;
        return;
    }
    std::string name;
    for (int number = 1; name.empty(); ++number) {
        name = (queue_.ns == "default" ? "" : queue_.ns + ".") + queue_.name + "-" + std::to_string(number);
        if (std::ranges::find(replicas_, name, name_of) != replicas_.end()) name.clear();
    }
    const std::string& command = queue_.annotations.at(std::string(jobqueue::local_command_annotation));
    const std::filesystem::path config = place_.data / "sidecars" / (name + ".json");
    Replica::Setup setup{
        .name = name,
        .worker = {.command = {"/bin/sh", "-c", command},
                   .environment = {{"PORT", std::to_string(ports->worker)},
                                   {"DROVER_SIDECAR", "http://127.0.0.1:" + std::to_string(ports->app)}},
                   .folder = folder_of(queue_)},
        .sidecar = {.command = {place_.executable.string(), "sidecar", "--config", config.string()}},
        .configure = [this, name, config, ports = *ports](
                         const std::string& client_id) { return write_config(config, name, client_id, ports); },
        .ports = *ports,
        .logs = place_.data / "logs",
        .job_timeout = std::chrono::ceil<std::chrono::milliseconds>(queue_.delivery.timeout)};
    replicas_.push_back(std::make_shared<Replica>(
        place_.io, std::move(setup),
        Replica::Listener{
            .line = [this, name](const std::string& program,
                                 const std::string& line) { place_.line(name, program, line); },
            .sidecar_line = [this](const std::string& line) { remember_dead_letter(line); },
            .sidecar_crashed = [this](const std::string& client_id) { place_.member_died(queue_, client_id); },
            .trouble = [this, name](const std::string& why) { place_.crashed(name, why); },
            .ended = [this, name] { ended(name); }}));
    replicas_.back()->start();
}

Result<void> QueueRunner::write_config(const std::filesystem::path& file, const std::string& name,
                                       const std::string& client_id, const PortPool::Ports& ports) const {
    jobqueue::SidecarConfig config = jobqueue::sidecar_config_for(queue_);
    config.pod = name;
    if (place_.embedded) config.kafka.clear();  // how to reach the cluster's Kafka is of no use here
    for (const auto& [setting, value] : place_.kafka) config.kafka[setting] = value;
    config.kafka["client.id"] = client_id;
    config.queue_topics = place_.queue_topics;
    config.delivery.port = ports.worker;
    config.app_port = ports.app;
    config.probe_address = "127.0.0.1";
    config.probe_port = ports.probe;
    config.session_timeout =
        place_.embedded ? std::min<Duration>(queue_.delivery.timeout + embedded_session_margin, longest_session)
                        : Duration(session_timeout);
    std::ofstream out(file, std::ios::trunc);
    out << jobqueue::to_json(config) << '\n';
    out.close();
    if (!out) return failure(Error::Code::unavailable, "cannot write " + file.string(), true);
    return {};
}

void QueueRunner::stop_idlest() {
    std::shared_ptr<Replica> idlest;
    for (const auto& replica : replicas_) {
        if (replica->is_stopping()) continue;
        if (!idlest || replica->stats().in_flight <= idlest->stats().in_flight) idlest = replica;
    }
    idlest->stop();
}

void QueueRunner::ended(const std::string& name) {
    const auto gone = std::ranges::find(replicas_, name, name_of);
    if (gone == replicas_.end()) return;
    add_to(past_, past_of((*gone)->stats()));
    place_.ports.give_back((*gone)->ports());
    replicas_.erase(gone);
    if (stopping_ && replicas_.empty() && stopped_) std::exchange(stopped_, nullptr)();
}

void QueueRunner::poll() {
    for (const auto& replica : replicas_) replica->poll();
    rate_.count(finished(), RateMeter::Clock::now());
}

void QueueRunner::stop(std::function<void()> stopped) {
    stopping_ = true;
    wanted_ = 0;
    if (replicas_.empty()) return boost::asio::post(place_.io, std::move(stopped));
    stopped_ = std::move(stopped);
    for (const auto& replica : replicas_) replica->stop();
}

void QueueRunner::kill() {
    stopping_ = true;
    for (const auto& replica : replicas_) replica->kill();
}

// --- figures

sidecar::Stats QueueRunner::stats() const {
    sidecar::Stats all = past_;
    for (const auto& replica : replicas_) add_to(all, replica->stats());
    return all;
}

std::uint64_t QueueRunner::finished() const {
    const sidecar::Stats all = stats();
    return all.completed + all.dead_lettered;
}

bool QueueRunner::is_idle() const { return figures_ && figures_->unfinished == 0 && stats().in_flight == 0; }

QueueState QueueRunner::state_of(const std::string& kafka_problem, std::int64_t in_flight) const {
    if (stopping_) return QueueState::draining;
    if (!kafka_problem.empty()) return QueueState::kafka_unreachable;
    if (queue_.paused) return QueueState::paused;
    if (!figures_) return QueueState::starting;
    if (figures_->paused) return QueueState::paused;
    const auto any = [this](auto what) {
        return std::ranges::any_of(replicas_, [&](const auto& each) { return !each->is_stopping() && what(*each); });
    };
    if (!any([](const Replica& each) { return each.is_reachable(); })) {
        if (any([](const Replica& each) { return each.is_overdue(); })) return QueueState::worker_unreachable;
        if (working() > 0) return QueueState::starting;
    }
    return in_flight > 0 || figures_->unfinished > 0 ? QueueState::active : QueueState::idle;
}

QueueStatus QueueRunner::status(const std::string& kafka_problem) const {
    const sidecar::Stats all = stats();
    QueueStatus status{.name = queue_.name, .replicas = static_cast<int>(replicas_.size()), .wanted = wanted_};
    status.active = static_cast<std::int64_t>(all.in_flight);
    status.state = state_of(kafka_problem, status.active);
    if (figures_) {
        status.retrying = figures_->retrying;
        status.waiting = std::max<std::int64_t>(figures_->unfinished - figures_->retrying - status.active, 0);
    }
    status.completed = static_cast<std::int64_t>(all.completed);
    status.retries = static_cast<std::int64_t>(all.retried);
    status.dead = static_cast<std::int64_t>(all.dead_lettered);
    status.jobs_per_second = rate_.per_second();
    if (all.worker_time.count() > 0) {
        status.p50 = all.worker_time.quantile(0.5);
        status.p99 = all.worker_time.quantile(0.99);
    }
    status.problem = !kafka_problem.empty() ? kafka_problem : problem_;
    for (const auto& replica : replicas_) {
        if (status.problem.empty()) status.problem = replica->problem();
    }
    return status;
}

QueueSummary QueueRunner::summary() const {
    const QueueStatus now = status("");
    QueueSummary summary{.name = now.name,
                         .jobs = now.completed + now.dead + (figures_ ? figures_->unfinished : 0),
                         .completed = now.completed,
                         .retries = now.retries,
                         .dead = now.dead,
                         .p50 = now.p50,
                         .p99 = now.p99};
    const double seconds = rate_.active_time().count();
    if (seconds > 0) summary.jobs_per_second = static_cast<double>(now.completed + now.dead) / seconds;
    return summary;
}

jobqueue::WorkersRecord QueueRunner::workers() const {
    jobqueue::WorkersRecord record{.replicas = wanted_,
                                   .ready = 0,
                                   .min = queue_.scaling.min_replicas,
                                   .max = queue_.scaling.max_replicas,
                                   .reason = reason_,
                                   .message = message_,
                                   .trouble = {}};
    for (const auto& replica : replicas_) {
        if (!replica->is_stopping() && replica->is_reachable()) ++record.ready;
    }
    const QueueStatus now = status("");
    if (now.state == QueueState::worker_unreachable) {
        record.trouble.push_back({"WorkerUnreachable", "PortDoesNotAnswer",
                                  now.problem.empty() ? "No worker answers on its port" : now.problem});
    } else if (!now.problem.empty()) {
        record.trouble.push_back({"Ready", "WorkerTrouble", now.problem});
    }
    return record;
}

// --- dead letters

// The sidecar counts all of them by class, and tells what the first ones were about.
void QueueRunner::remember_dead_letter(const std::string& line) {
    const std::optional<DeadLetterLine> letter = dead_letter_line(line);
    if (letter && example_of_class_.size() < max_examples)
        example_of_class_.emplace(letter->error_class, letter->cause);
}

void QueueRunner::add_causes(DeadLetterCauses& causes) const {
    for (const auto& [error_class, count] : stats().dead_by_class) {
        const auto example = example_of_class_.find(error_class);
        for (std::uint64_t i = 0; i < count; ++i) {
            causes.add(queue_.name, error_class, example == example_of_class_.end() ? "" : example->second);
        }
    }
}

}  // namespace drover::cli
