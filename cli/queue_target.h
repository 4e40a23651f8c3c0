// Which queue a command is about, its topics, and how to reach its Kafka. Room: cli.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/admin.h"
#include "src/kafka/settings.h"

namespace drover::cli {

struct QueueArguments {
    std::vector<std::string> files;
    std::string queue, topic, ns, kafka;  // ns: "" is default
    std::vector<std::string> settings;    // name=value
};

struct QueueTarget {
    std::string name;  // as the user would write it after -q, or the topic
    jobqueue::Topics topics;
    std::string group;
    kafka::Settings kafka;
    std::optional<jobqueue::JobQueue> queue;  // what a file says of it, where one was given

    const std::string& bootstrap() const { return kafka.at("bootstrap.servers"); }
};

// The queue of that name in the files (the only one needs no name), or, without files, the one whose topic follows from
// the name: -q email is default.email, -q shop.email itself. `invalid`: the arguments or the files are wrong; what is
// wrong with files is on stderr by then.
Result<QueueTarget> queue_target(const QueueArguments& arguments);

// `not_found` with a hint when one is missing.
Result<void> check_topics(kafka::Admin& admin, const QueueTarget& target, const std::vector<std::string>& topics);

// Its Kafka, within 10 s; `topics` are there.
Result<std::unique_ptr<kafka::Admin>> reach(const QueueTarget& target, const std::vector<std::string>& topics);

}  // namespace drover::cli
