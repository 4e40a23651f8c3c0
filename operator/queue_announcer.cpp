#include "operator/queue_announcer.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "operator/control_writer.h"
#include "src/jobqueue/queue_record.h"
#include "src/jobqueue/shared_topics.h"
#include "src/kafka/admin.h"
#include "src/kafka/log_reader.h"
#include "src/telemetry/log.h"

namespace drover::operators {
namespace {

using namespace std::chrono_literals;

constexpr auto call_timeout = 5s;
constexpr auto together = 200ms;  // queues that are applied at once are told at once
constexpr auto first_pause = 2s;
constexpr auto longest_pause = 60s;
constexpr std::string_view installation_header = "drover-operator";

bool is_ours(std::string_view key) {
    return key.starts_with(jobqueue::queue_record_prefix) || key.starts_with(jobqueue::workers_record_prefix);
}

// The queue that a record of ours is about.
std::string_view queue_in(std::string_view key) { return key.substr(key.find('/') + 1); }

std::string writer_of(const kafka::Record& record) {
    std::vector<FieldView> headers;
    record.headers(headers);
    const auto found = std::ranges::find(headers, installation_header, &FieldView::name);
    return found == headers.end() ? "" : std::string(found->value);
}

kafka::TopicSpec topic(int brokers) {
    jobqueue::SharedTopic made = jobqueue::gateway_topic_for(brokers);
    return {std::move(made.topic), made.partitions, made.replication_factor, std::move(made.config)};
}

}  // namespace

QueueAnnouncer::QueueAnnouncer(AnnouncerSettings settings)
    : settings_(std::move(settings)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void QueueAnnouncer::announce(const jobqueue::JobQueue& queue) {
    jobqueue::ControlMessage record = jobqueue::queue_record(queue);
    want(std::move(record.key), std::move(record.value));
}

void QueueAnnouncer::announce(const jobqueue::JobQueue& queue, const jobqueue::WorkersRecord& workers) {
    jobqueue::ControlMessage record = jobqueue::workers_record(jobqueue::qualified_name(queue), workers);
    want(std::move(record.key), std::move(record.value));
}

void QueueAnnouncer::withdraw(const jobqueue::JobQueue& queue) {
    want(jobqueue::queue_record(queue).key, std::nullopt);
    want(jobqueue::workers_record(jobqueue::qualified_name(queue), {}).key, std::nullopt);
}

void QueueAnnouncer::want(std::string key, std::optional<std::string> value) {
    const std::lock_guard lock(mutex_);
    wanted_.insert_or_assign(std::move(key), std::move(value));
    news_.notify_one();
}

void QueueAnnouncer::run(const std::stop_token& stop) {
    std::chrono::steady_clock::duration pause{0};
    for (;;) {
        Records wanted;
        {
            std::unique_lock lock(mutex_);
            const auto never = [] { return false; };
            if (!news_.wait(lock, stop, [this] { return !wanted_.empty(); })) return;
            news_.wait_for(lock, stop, std::max<std::chrono::steady_clock::duration>(pause, together), never);
            if (stop.stop_requested()) return;
            wanted.swap(wanted_);
        }
        if (const Result<void> written = write(wanted); !written) {
            pause = std::clamp<std::chrono::steady_clock::duration>(pause * 2, first_pause, longest_pause);
            log::warn("the gateways cannot be told of queues, which is tried again",
                      {{"topic", jobqueue::gateway_topic}, {"error", written.error().message}});
            const std::lock_guard lock(mutex_);
            wanted_.merge(wanted);  // what came meanwhile is newer, and stays
        } else {
            pause = {};
        }
    }
}

Result<void> QueueAnnouncer::write(Records wanted) {
    if (!known_) {
        if (Result<void> has_read = read(); !has_read) return has_read;
    }
    add_gone(wanted);
    std::vector<jobqueue::ControlMessage> news;
    for (const auto& [key, value] : wanted) {
        const auto said = known_->find(key);
        const bool same = said == known_->end() ? !value : value && said->second == Known{*value, installation_};
        if (!same) news.push_back({key, value});
    }
    if (!news.empty()) {
        const auto writer = ControlWriter::create(settings_.kafka);
        if (!writer) return tl::unexpected(writer.error());
        if (!settings_.may_write()) return failure(Error::Code::conflict, "somebody else leads", true);
        std::vector<Field> headers;
        if (!installation_.empty()) headers.push_back({std::string(installation_header), installation_});
        const Result<void> written =
            (*writer)->write(std::string(jobqueue::gateway_topic), news, headers, call_timeout);
        if (!written) {
            known_.reset();  // some may stand there
            return written;
        }
    }
    has_swept_ = true;
    for (auto& [key, value] : news) {
        if (value) {
            known_->insert_or_assign(key, Known{std::move(*value), installation_});
        } else {
            known_->erase(key);
        }
    }
    return {};
}

Result<void> QueueAnnouncer::read() {
    Result<std::string> installation = settings_.installation();
    if (!installation) return tl::unexpected(installation.error());
    const auto admin = kafka::Admin::connect(settings_.kafka, call_timeout);
    if (!admin) return tl::unexpected(admin.error());
    const Result<int> brokers = (*admin)->broker_count();
    if (!brokers) return tl::unexpected(brokers.error());
    if (Result<void> made = (*admin)->ensure_topics({topic(*brokers)}); !made) return made;
    std::map<std::string, Known> known;
    const Result<void> has_read =
        kafka::read_log(settings_.kafka, **admin, {std::string(jobqueue::gateway_topic)}, {.patience = call_timeout},
                        [&known](const kafka::Record& record) {
                            const std::string key(record.key().value_or(""));
                            if (!is_ours(key)) return;
                            if (record.value()) {
                                known.insert_or_assign(key, Known{std::string(*record.value()), writer_of(record)});
                            } else {
                                known.erase(key);
                            }
                        });
    if (!has_read) return has_read;
    installation_ = std::move(*installation);
    known_ = std::move(known);
    return {};
}

// Once: what is written from then on is taken back by withdraw(). Until then nothing is written that is not wanted, so
// a queue that came after is_gone() was made is among the wanted.
void QueueAnnouncer::add_gone(Records& wanted) {
    if (has_swept_ || installation_.empty()) return;
    for (const auto& [key, known] : *known_) {
        if (known.installation != installation_ || !settings_.is_gone(queue_in(key))) continue;
        wanted.emplace(key, std::nullopt);
    }
}

}  // namespace drover::operators
