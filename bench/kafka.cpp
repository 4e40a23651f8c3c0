#include <poll.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <thread>

#include "bench/commands.h"
#include "bench/payload.h"
#include "src/kafka/admin.h"
#include "src/kafka/fetcher.h"
#include "src/kafka/producer.h"

namespace drover::bench {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

int complain(const Error& error) {
    std::fprintf(stderr, "bench: %s\n", error.message.c_str());
    return 1;
}

}  // namespace

int create(const std::string& bootstrap, const std::string& topic, int partitions, const std::string& setting) {
    auto admin = kafka::Admin::connect({{"bootstrap.servers", bootstrap}}, 30s);
    if (!admin) return complain(admin.error());
    kafka::TopicSpec spec{.topic = topic, .partitions = partitions, .config = {{"retention.ms", "-1"}}};
    const auto equals = setting.find('=');
    if (equals != std::string::npos) spec.config[setting.substr(0, equals)] = setting.substr(equals + 1);
    const auto created = (*admin)->ensure_topics({spec});
    return created ? 0 : complain(created.error());
}

int put(const std::string& bootstrap, const std::string& topic, const std::string& key, const std::string& value) {
    kafka::Wakeup wakeup;
    auto producer = kafka::Producer::create({{"bootstrap.servers", bootstrap}}, wakeup);
    if (!producer) return complain(producer.error());
    if (auto sent = (*producer)->produce({.topic = topic, .key = key, .value = value}, 0); !sent)
        return complain(sent.error());
    for (;;) {
        pollfd wait{.fd = wakeup.fd(), .events = POLLIN};
        poll(&wait, 1, 100);
        wakeup.clear();
        for (const auto& delivery : (*producer)->poll())
            return delivery.outcome ? 0 : complain(delivery.outcome.error());
    }
}

int fill(const std::string& bootstrap, const std::string& topic, const Jobs& jobs) {
    const long count = jobs.count;
    const int rate = jobs.rate;
    std::mt19937 random;
    std::uniform_int_distribution<int> any_key(0, std::max(jobs.keys - 1, 0));
    kafka::Wakeup wakeup;
    kafka::Settings settings{{"bootstrap.servers", bootstrap}};
    if (rate == 0) settings["batch.num.messages"] = "1000";
    auto producer = kafka::Producer::create(settings, wakeup);
    if (!producer) return complain(producer.error());
    auto begun = Clock::now();
    long sent = 0, acknowledged = 0;
    std::optional<int> key;  // of the next job
    while (acknowledged < count) {
        // The pace begins when the producer has its connections and its id: the first job waits for those alone.
        if (rate > 0 && acknowledged == 0) begun = Clock::now() - std::chrono::microseconds(1'100'000 / rate);
        const long due =
            rate == 0 ? count
                      : std::min(count,
                                 static_cast<long>(std::chrono::duration<double>(Clock::now() - begun).count() * rate));
        while (sent < due) {
            if (jobs.keys > 0 && !key) key = any_key(random);
            const std::string value = payload(jobs.first + sent, jobs.bytes, key);
            const std::string name = key ? "key-" + std::to_string(*key) : "";
            if (!(*producer)->produce({.topic = topic, .key = key ? std::optional(name) : std::nullopt, .value = value},
                                      static_cast<std::uint64_t>(sent)))
                break;
            ++sent;
            key.reset();
        }
        pollfd wait{.fd = wakeup.fd(), .events = POLLIN};
        poll(&wait, 1, rate == 0 ? 10 : 1);
        wakeup.clear();
        for (const auto& delivery : (*producer)->poll()) {
            if (!delivery.outcome) return complain(delivery.outcome.error());
            ++acknowledged;
        }
    }
    return 0;
}

int size(const std::string& bootstrap, const std::string& topic, int partitions) {
    auto admin = kafka::Admin::connect({{"bootstrap.servers", bootstrap}}, 30s);
    if (!admin) return complain(admin.error());
    std::vector<kafka::TopicPartition> all;
    for (int partition = 0; partition < partitions; ++partition) all.push_back({topic, partition});
    const auto offsets = (*admin)->offsets(all);
    if (!offsets) return complain(offsets.error());
    std::int64_t records = 0;
    for (const auto& [partition, at] : *offsets) records += at.end - at.start;
    std::printf("{\"records\":%lld}\n", static_cast<long long>(records));
    return 0;
}

int consume(const std::string& bootstrap, const std::string& topic, int partitions, long count) {
    kafka::Wakeup wakeup;
    auto fetcher = kafka::Fetcher::create({{"bootstrap.servers", bootstrap}}, {}, wakeup);
    if (!fetcher) return complain(fetcher.error());
    for (int partition = 0; partition < partitions; ++partition) {
        const auto started =
            (*fetcher)->start(static_cast<std::uint32_t>(partition), {topic, partition}, kafka::Fetcher::earliest);
        if (!started) return complain(started.error());
    }
    std::vector<kafka::Fetcher::Id> ready;
    std::vector<kafka::Fetcher::Fetched> fetched;
    long received = 0;
    Clock::time_point begun{};
    std::size_t bytes = 0;
    while (received < count) {
        pollfd wait{.fd = wakeup.fd(), .events = POLLIN};
        poll(&wait, 1, 100);
        wakeup.clear();
        (*fetcher)->serve();
        ready.clear();
        (*fetcher)->ready(ready);
        for (const auto id : ready) {
            for (bool more = true; more;) {
                fetched.clear();
                more = (*fetcher)->take(id, 32, fetched);
                for (const auto& item : fetched) {
                    const auto* record = std::get_if<kafka::Record>(&item);
                    if (record == nullptr) continue;
                    if (received++ == 0) begun = Clock::now();
                    bytes += record->value().value_or("").size();
                }
            }
        }
    }
    fetched.clear();
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    std::printf("{\"jobs_s\":%.0f,\"cpu_us_job\":%.2f,\"bytes\":%zu}\n", static_cast<double>(received) / seconds,
                (micros(usage.ru_utime) + micros(usage.ru_stime)) / static_cast<double>(received), bytes);
    return 0;
}

}  // namespace drover::bench
