#include "sidecar/subscription.h"

#include <algorithm>

#include "src/telemetry/log.h"

namespace drover::sidecar {
namespace {

constexpr Duration read_again_after = std::chrono::milliseconds(500);

// How much is read back of what was finished; the rest is not known any more.
constexpr std::int64_t most_read_back = 500;
constexpr std::size_t most_bytes_read_back = 2 * 1024 * 1024;

std::optional<Fingerprint> fingerprint_of(const kafka::Record& record) {
    std::vector<FieldView> fields;
    record.headers(fields);
    const Result<jobqueue::JobHeaders> headers = jobqueue::parse_job_headers(fields);
    return headers ? fingerprint(*headers) : std::nullopt;
}

// "email 0 3 4, email.retry.2s 1"
std::string names_of(std::vector<kafka::TopicPartition> partitions) {
    std::ranges::sort(partitions);
    std::string names;
    std::string_view topic;
    for (const kafka::TopicPartition& each : partitions) {
        if (each.topic != topic) names += (names.empty() ? "" : ", ") + each.topic;
        topic = each.topic;
        names += " " + std::to_string(each.partition);
    }
    return names;
}

}  // namespace

Subscription::Subscription(std::unique_ptr<kafka::GroupMember> member, kafka::Fetcher& fetcher,
                           std::map<std::string, Duration> steps, std::size_t lane, AssignmentId& next_assignment)
    : member_(std::move(member)),
      fetcher_(fetcher),
      steps_(std::move(steps)),
      lane_(lane),
      next_assignment_(next_assignment) {}

void Subscription::poll(Time now, std::vector<Event>& events) {
    now_ = now;
    for (const kafka::GroupEvent& event : member_->poll()) {
        std::visit([&](const auto& happened) { on(happened, events); }, event);
    }
    if (!unread_.empty() && now >= read_again_at_) {
        std::erase_if(unread_, [&](const auto& partition) { return !partitions_.contains(partition); });
        member_->read_positions(unread_);
        unread_.clear();
    }
}

void Subscription::commit(const action::Commit& commit) {
    commits_.push_back({partitions_by_id_.at(commit.assignment), commit.offset,
                        jobqueue::encode_commit_metadata(commit.metadata, commit.offset)});
}

void Subscription::flush() {
    if (commits_.empty()) return;
    member_->commit(commits_);
    commits_.clear();
}

void Subscription::release(AssignmentId assignment) {
    const kafka::TopicPartition partition = partitions_by_id_.at(assignment);
    forget(partition);
    member_->release({partition});
}

void Subscription::read_back(AssignmentId assignment, std::vector<kafka::Fetcher::Fetched>& fetched,
                             std::vector<Event>& events) {
    ReadBack& back = reading_back_.at(assignment);
    std::size_t used = 0;
    for (; used < fetched.size(); ++used) {
        bool log_is_shorter = false;
        if (const auto* record = std::get_if<kafka::Record>(&fetched[used])) {
            log_is_shorter = fetcher_.end(assignment).value_or(back.committed) < back.committed;
            if (!log_is_shorter && record->offset() >= back.committed) break;
            if (const auto print = fingerprint_of(*record)) events.emplace_back(event::Finished{assignment, *print});
            back.bytes += record->value().value_or("").size();
        } else if (const auto* end = std::get_if<kafka::Fetcher::ReachedEnd>(&fetched[used])) {
            log_is_shorter = end->offset < back.committed;
            if (!log_is_shorter) break;
        } else if (std::holds_alternative<kafka::Fetcher::OffsetOutOfRange>(fetched[used])) {  // deleted: no matter
            fetched.clear();
            return go_on_at_committed(assignment);
        } else {
            break;
        }
        if (log_is_shorter) {
            fetched.clear();
            return restart_at_earliest(assignment, "the partition ends before it", events);
        }
    }
    const bool is_through = used < fetched.size() && !std::holds_alternative<kafka::Fetcher::Failed>(fetched[used]);
    fetched.erase(fetched.begin(), fetched.begin() + static_cast<std::ptrdiff_t>(used));
    if (is_through) {
        reading_back_.erase(assignment);
    } else if (back.bytes > most_bytes_read_back) {
        go_on_at_committed(assignment);
    }
}

void Subscription::go_on_at_committed(AssignmentId assignment) {
    const auto back = reading_back_.extract(assignment);
    if (const Result<void> sought = fetcher_.seek(assignment, back.mapped().committed); !sought) {
        log::error("partition cannot be fetched", {{"error", sought.error().message}});
    }
}

void Subscription::restart_at_earliest(AssignmentId assignment, const std::string& why, std::vector<Event>& events) {
    log::error(
        "the committed offset does not exist any more: jobs may have been deleted unread; going on at the first that "
        "exists",
        {{"error", why}});
    const auto found = partitions_by_id_.find(assignment);
    if (found == partitions_by_id_.end()) return;
    const kafka::TopicPartition partition = found->second;
    Owned& owned = partitions_.at(partition);
    if (owned.revoking) return;
    partitions_by_id_.erase(found);
    reading_back_.erase(assignment);
    fetcher_.stop(assignment);
    events.emplace_back(event::Lost{assignment});
    start(partition, owned, kafka::Fetcher::earliest, 0, {}, events);
}

void Subscription::close() { member_->close(); }

const kafka::TopicPartition* Subscription::partition(AssignmentId assignment) const {
    const auto found = partitions_by_id_.find(assignment);
    return found == partitions_by_id_.end() ? nullptr : &found->second;
}

void Subscription::on(const kafka::group_event::Assigned& assigned, std::vector<Event>&) {
    joined_ = true;
    trouble_.clear();
    if (assigned.partitions.empty()) return;
    log::info("partitions assigned", {{"partitions", names_of(assigned.partitions)}});
    for (const auto& partition : assigned.partitions) partitions_.insert_or_assign(partition, Owned{});
    member_->read_positions(assigned.partitions);
}

void Subscription::on(const kafka::group_event::Revoking& revoking, std::vector<Event>& events) {
    log::info("partitions asked back", {{"partitions", names_of(revoking.partitions)}});
    std::vector<kafka::TopicPartition> at_once;
    for (const auto& partition : revoking.partitions) {
        const auto found = partitions_.find(partition);
        if (found == partitions_.end() || found->second.id == 0) {  // nothing of it was read yet
            forget(partition);
            at_once.push_back(partition);
            continue;
        }
        found->second.revoking = true;
        fetcher_.stop(found->second.id);
        events.emplace_back(event::Revoking{found->second.id});
    }
    if (!at_once.empty()) member_->release(at_once);
}

void Subscription::on(const kafka::group_event::Lost& lost, std::vector<Event>& events) {
    log::warn("partitions lost: another member of the group has them", {{"partitions", names_of(lost.partitions)}});
    for (const auto& partition : lost.partitions) lose(partition, events);
}

void Subscription::on(const kafka::group_event::Committed& committed, std::vector<Event>& events) {
    if (committed.unknown_member) {
        log::warn("the group does not know this member any more: its partitions are lost", {});
        std::vector<kafka::TopicPartition> lost;
        for (const auto& [partition, owned] : partitions_) lost.push_back(partition);
        for (const auto& partition : lost) lose(partition, events);
        member_->release(lost);  // a revoke that waits for its answer gets it
        return;
    }
    for (const auto& [partition, error] : committed.partitions) {
        const auto found = partitions_.find(partition);
        if (found == partitions_.end() || found->second.id == 0) continue;
        events.emplace_back(event::Committed{found->second.id, !error});
        if (!error) trouble_.clear();
        if (error && !error->retryable) {
            log::error("commit refused",
                       {{"topic", partition.topic}, {"partition", partition.partition}, {"error", error->message}});
        }
    }
}

void Subscription::on(const kafka::group_event::Positions& positions, std::vector<Event>& events) {
    for (const auto& [partition, position] : positions.partitions) {
        const auto found = partitions_.find(partition);
        if (found == partitions_.end() || found->second.id != 0) continue;  // revoked meanwhile
        if (!position) {
            log::warn(
                "committed offset not read, trying again",
                {{"topic", partition.topic}, {"partition", partition.partition}, {"error", position.error().message}});
            unread_.push_back(partition);
            read_again_at_ = now_ + read_again_after;
        } else if (!*position) {
            start(partition, found->second, kafka::Fetcher::earliest, 0, {}, events);
        } else {
            const kafka::Position& at = **position;
            std::optional<jobqueue::CommitMetadata> metadata;
            if (!at.metadata.empty()) {
                metadata = jobqueue::decode_commit_metadata(at.metadata, at.offset);
                if (!metadata) {
                    log::warn("commit metadata is not ours: jobs finished above the offset will run again",
                              {{"topic", partition.topic}, {"partition", partition.partition}});
                }
            }
            start(partition, found->second, at.offset, at.offset,
                  std::move(metadata).value_or(jobqueue::CommitMetadata{}), events);
        }
    }
}

void Subscription::on(const kafka::group_event::Trouble& trouble, std::vector<Event>&) {
    if (trouble.error.error.message == trouble_) return;  // said already
    trouble_ = trouble.error.error.message;
    log::error("trouble with the consumer group", {{"error", trouble_}, {"broker", trouble.error.broker}});
}

void Subscription::on(const kafka::group_event::Closed&, std::vector<Event>&) { closed_ = true; }

void Subscription::start(const kafka::TopicPartition& partition, Owned& owned, std::int64_t offset,
                         std::int64_t committed, jobqueue::CommitMetadata metadata, std::vector<Event>& events) {
    owned.id = ++next_assignment_;
    partitions_by_id_.emplace(owned.id, partition);
    events.emplace_back(event::Assigned{owned.id, committed, std::move(metadata), steps_.at(partition.topic), lane_});
    std::int64_t from = offset;
    if (committed > 0) {
        from = std::max<std::int64_t>(committed - most_read_back, 0);
        reading_back_.emplace(owned.id, ReadBack{.committed = committed});
    }
    if (const Result<void> started = fetcher_.start(owned.id, partition, from); !started) {
        log::error(
            "partition cannot be fetched",
            {{"topic", partition.topic}, {"partition", partition.partition}, {"error", started.error().message}});
    }
}

void Subscription::forget(const kafka::TopicPartition& partition) {
    const auto found = partitions_.find(partition);
    if (found == partitions_.end()) return;
    partitions_by_id_.erase(found->second.id);
    reading_back_.erase(found->second.id);
    partitions_.erase(found);
}

void Subscription::lose(const kafka::TopicPartition& partition, std::vector<Event>& events) {
    const auto found = partitions_.find(partition);
    if (found == partitions_.end()) return;
    if (found->second.id != 0) {
        if (!found->second.revoking) fetcher_.stop(found->second.id);
        events.emplace_back(event::Lost{found->second.id});
    }
    forget(partition);
}

}  // namespace drover::sidecar
