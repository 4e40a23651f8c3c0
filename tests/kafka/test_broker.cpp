#include "tests/kafka/test_broker.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <unistd.h>

namespace drover::kafka::test {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') throw std::runtime_error(std::string(name) + " is not set");
    return value;
}

Settings settings() { return {{"bootstrap.servers", environment("DROVER_TEST_KAFKA")}}; }

std::string unique(const std::string& what) {
    static std::atomic<int> next{0};
    return what + "." + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "." +
           std::to_string(::getpid()) + "." + std::to_string(++next);
}

namespace {

// False when nothing woke it in this time.
bool wait(Wakeup& wakeup, std::chrono::milliseconds time) {
    pollfd readable{wakeup.fd(), POLLIN, 0};
    return ::poll(&readable, 1, static_cast<int>(time.count())) != 0;
}

}  // namespace

bool wait_until(Wakeup& wakeup, const std::function<bool()>& step) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        wakeup.clear();
        if (step()) return true;
        if (std::chrono::steady_clock::now() > deadline) return false;
        wait(wakeup, std::chrono::milliseconds(100));
    }
}

bool wait_for_wakeups(Wakeup& wakeup, const std::function<bool()>& step) {
    for (;;) {
        wakeup.clear();
        if (step()) return true;
        if (!wait(wakeup, patience)) return false;
    }
}

Admin& admin() {
    static const auto instance = must(Admin::connect(settings(), patience));
    return *instance;
}

std::string make_topic(int partitions, std::map<std::string, std::string> config) {
    const auto topic = unique("test");
    must(admin().ensure_topics({{topic, partitions, 1, std::move(config)}}));
    return topic;
}

std::vector<Acknowledged> produce(const std::string& topic, const std::vector<Sent>& messages) {
    Wakeup wakeup;
    const auto producer = must(Producer::create(settings(), wakeup));
    std::map<std::uint64_t, Acknowledged> acknowledged;
    const auto collect = [&] {
        for (auto& delivery : producer->poll()) acknowledged[delivery.token] = must(std::move(delivery.outcome));
    };
    for (std::size_t i = 0; i < messages.size(); ++i) {
        const auto& [key, value, headers] = messages[i];
        const Message message{topic, key, value, headers};
        if (!wait_until(wakeup, [&] {
                collect();
                const auto queued = producer->produce(message, i);
                if (!queued && !queued.error().retryable) throw std::runtime_error(queued.error().message);
                return queued.has_value();
            })) {
            throw std::runtime_error("the producer's queue stayed full");
        }
    }
    if (!wait_until(wakeup, [&] {
            collect();
            return producer->in_flight() == 0;
        })) {
        throw std::runtime_error("not acknowledged in time");
    }
    std::vector<Acknowledged> result;
    for (const auto& [token, where] : acknowledged) result.push_back(where);
    return result;
}

void produce_in_transactions(const std::string& topic, const std::vector<std::pair<std::string, bool>>& values) {
    auto* configuration = rd_kafka_conf_new();
    for (const auto& [name, value] : settings()) {
        rd_kafka_conf_set(configuration, name.c_str(), value.c_str(), nullptr, 0);
    }
    rd_kafka_conf_set_log_cb(configuration, nullptr);
    rd_kafka_conf_set(configuration, "transactional.id", topic.c_str(), nullptr, 0);
    auto* producer = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, nullptr, 0);
    ASSERT_NE(producer, nullptr);
    auto* target = rd_kafka_topic_new(producer, topic.c_str(), nullptr);
    EXPECT_EQ(rd_kafka_init_transactions(producer, 60'000), nullptr);
    for (auto [value, commit] : values) {
        EXPECT_EQ(rd_kafka_begin_transaction(producer), nullptr);
        EXPECT_EQ(rd_kafka_produce(target, 0, RD_KAFKA_MSG_F_COPY, value.data(), value.size(), nullptr, 0, nullptr), 0);
        EXPECT_EQ(rd_kafka_flush(producer, 60'000), RD_KAFKA_RESP_ERR_NO_ERROR);
        EXPECT_EQ((commit ? rd_kafka_commit_transaction : rd_kafka_abort_transaction)(producer, 60'000), nullptr);
    }
    rd_kafka_topic_destroy(target);
    rd_kafka_destroy(producer);
}

std::vector<Sent> numbered(int count, std::size_t size) {
    std::vector<Sent> messages;
    for (int i = 0; i < count; ++i) {
        auto value = std::to_string(i);
        if (value.size() < size) value.append(size - value.size(), '.');
        messages.push_back({std::to_string(i), std::move(value), {}});
    }
    return messages;
}

bool Reader::take_ready() {
    std::vector<Fetcher::Id> ready;
    fetcher->ready(ready);
    bool any = false;
    for (const auto id : ready) {
        std::vector<Fetcher::Fetched> fetched;
        while (fetcher->take(id, 100, fetched)) {}
        any = any || !fetched.empty();
        auto& to = seen[id];
        for (auto& thing : fetched) {
            if (auto* record = std::get_if<Record>(&thing)) to.records.push_back(std::move(*record));
            if (auto* end = std::get_if<Fetcher::ReachedEnd>(&thing)) to.ends.push_back(end->offset);
            if (auto* missed = std::get_if<Fetcher::OffsetOutOfRange>(&thing))
                to.out_of_range.push_back(missed->message);
            if (auto* failed = std::get_if<Fetcher::Failed>(&thing)) to.failed.push_back(failed->error);
        }
    }
    return any;
}

bool Reader::wait_for(const std::function<bool()>& condition) {
    return wait_until(wakeup, [&] {
        fetcher->serve();
        take_ready();
        return condition();
    });
}

bool Reader::wait_for_records(Fetcher::Id id, std::size_t count) {
    return wait_for([&] { return seen[id].records.size() >= count; });
}

namespace {

Wakeup& shared_wakeup() {  // members of one test are driven by one thread, and wait together
    static Wakeup wakeup;
    return wakeup;
}

GroupOptions options_of(const std::string& group, const std::vector<std::string>& topics,
                        std::chrono::milliseconds max_poll_interval) {
    GroupOptions options;
    options.group = group;
    options.topics = topics;
    options.max_poll_interval = max_poll_interval;
    return options;
}

}  // namespace

Member::Member(const std::string& group, const std::vector<std::string>& topics, Settings with,
               std::chrono::milliseconds max_poll_interval)
    : wakeup(shared_wakeup()),
      member(must(GroupMember::join(with, options_of(group, topics, max_poll_interval), wakeup))) {}

void Member::turn() {
    const auto now = std::chrono::steady_clock::now();
    longest_pause_ = std::max(longest_pause_, now - last_turn_);
    last_turn_ = now;
    for (auto& event : member->poll()) {
        if (auto* assigned = std::get_if<group_event::Assigned>(&event)) {
            owned.insert(assigned->partitions.begin(), assigned->partitions.end());
        } else if (auto* revoked = std::get_if<group_event::Revoking>(&event)) {
            revoking.insert(revoked->partitions.begin(), revoked->partitions.end());
        } else if (auto* gone = std::get_if<group_event::Lost>(&event)) {
            ++lost;
            for (const auto& partition : gone->partitions) owned.erase(partition);
        } else if (auto* answer = std::get_if<group_event::Committed>(&event)) {
            committed.push_back(std::move(*answer));
        } else if (auto* read = std::get_if<group_event::Positions>(&event)) {
            positions.push_back(std::move(*read));
        } else if (auto* trouble = std::get_if<group_event::Trouble>(&event)) {
            troubles.push_back(std::move(trouble->error));
        } else {
            closed = true;
        }
    }
}

group_event::Committed Member::commit(const std::vector<Position>& positions_) {
    member->commit(positions_);
    const auto before = committed.size();
    if (!wait_until(wakeup, [&] {
            turn();
            return committed.size() > before;
        })) {
        throw std::runtime_error("the commit was not answered");
    }
    return committed.back();
}

group_event::Positions Member::read(const std::vector<TopicPartition>& partitions) {
    member->read_positions(partitions);
    const auto before = positions.size();
    if (!wait_until(wakeup, [&] {
            turn();
            return positions.size() > before;
        })) {
        throw std::runtime_error("the positions were not answered");
    }
    return positions.back();
}

void Member::release_revoked() {
    for (const auto& partition : revoking) owned.erase(partition);
    const std::vector<TopicPartition> released(revoking.begin(), revoking.end());
    revoking.clear();
    if (!released.empty()) member->release(released);
}

}  // namespace drover::kafka::test
