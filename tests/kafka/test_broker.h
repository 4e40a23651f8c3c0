// The broker under test, and how the tests wait: for the thing itself, on a wakeup, never by sleeping.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "src/kafka/admin.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/group_member.h"
#include "src/kafka/producer.h"

namespace drover::kafka::test {

constexpr std::chrono::seconds patience{60};  // only a failing test waits this long

std::string environment(const char* name);    // fails the test when it is not set
Settings settings();                          // for the broker in DROVER_TEST_KAFKA
std::string unique(const std::string& what);  // a name that no other test, run or process uses

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}
inline void must(Result<void> result) {
    if (!result) throw std::runtime_error(result.error().message);
}

// Calls `step` whenever woken, and every 100 ms as the sidecar does, until it is true. False when it never was.
bool wait_until(Wakeup& wakeup, const std::function<bool()>& step);
// As above, but woken by the wakeup alone. False when it was not woken for so long.
bool wait_for_wakeups(Wakeup& wakeup, const std::function<bool()>& step);

Admin& admin();
std::string make_topic(int partitions, std::map<std::string, std::string> config = {});

struct Sent {  // an owning Message
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<Field> headers;
};
// Produces and waits for all acknowledgements; where they went, in order of `messages`.
std::vector<Acknowledged> produce(const std::string& topic, const std::vector<Sent>& messages);
// Of each value: into partition 0, in a transaction of its own, which is committed or aborted.
void produce_in_transactions(const std::string& topic, const std::vector<std::pair<std::string, bool>>& values);
std::vector<Sent> numbered(int count, std::size_t size = 0);  // key and value: 0, 1, 2, …, the value padded to `size`

// A fetcher and what it has delivered so far.
class Reader {
public:
    explicit Reader(FetcherOptions options = {}, Settings with = settings())
        : fetcher(must(Fetcher::create(with, options, wakeup))) {}

    void start(Fetcher::Id id, const std::string& topic, int partition, std::int64_t offset) {
        must(fetcher->start(id, {topic, partition}, offset));
    }
    // Takes everything there is from the partitions that are ready; true when there was something.
    bool take_ready();
    bool wait_for_records(Fetcher::Id id, std::size_t count);
    bool wait_for(const std::function<bool()>& condition);

    struct Seen {
        std::vector<Record> records;
        std::vector<std::int64_t> ends;
        std::vector<std::string> out_of_range;
        std::vector<Error> failed;
    };

    Wakeup wakeup;
    std::unique_ptr<Fetcher> fetcher;
    std::map<Fetcher::Id, Seen> seen;
};

// A group member that remembers what it was told.
class Member {
public:
    Member(const std::string& group, const std::vector<std::string>& topics, Settings with = settings(),
           std::chrono::milliseconds max_poll_interval = std::chrono::seconds(90));

    void turn();  // one poll
    // The longest time between two of its turns: a test may promise to poll, a machine that stands still breaks that.
    std::chrono::steady_clock::duration longest_pause() const { return longest_pause_; }
    // Commits and waits for the answer.
    group_event::Committed commit(const std::vector<Position>& positions);
    group_event::Positions read(const std::vector<TopicPartition>& partitions);
    void release_revoked();

    Wakeup& wakeup;
    std::unique_ptr<GroupMember> member;
    std::set<TopicPartition> owned;
    std::set<TopicPartition> revoking;
    std::vector<group_event::Committed> committed;
    std::vector<group_event::Positions> positions;
    std::vector<ClientError> troubles;
    std::size_t lost = 0;
    bool closed = false;

private:
    std::chrono::steady_clock::time_point last_turn_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::duration longest_pause_{0};
};

}  // namespace drover::kafka::test
