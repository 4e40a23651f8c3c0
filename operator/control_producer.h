// Writes records of control topics without waiting for the brokers. Room: operator. Owner thread: one; nothing blocks.
//
// Whoever uses it follows these topics and asks for what they lack again and again: so what was given up is produced
// anew, after a pause that grows, and what was written all the same counts as soon as it is read.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/control.h"
#include "src/kafka/producer.h"

namespace drover::operators {

class ControlProducer {
public:
    using Steady = std::chrono::steady_clock;

    static Result<std::unique_ptr<ControlProducer>> create(const kafka::Settings& settings);

    // Takes the acknowledgements. To be called before the topics are read: what was acknowledged is read then, and not
    // asked for again.
    void poll();

    // Nothing happens while earlier records of the topic are not answered, or were refused a moment ago. Returns when
    // it is worth looking again at what the topic lacks.
    Steady::time_point produce(const std::string& topic, const std::vector<jobqueue::ControlMessage>& messages);

    void forget(const std::string& topic) { topics_.erase(topic); }

private:
    struct Topic {
        std::size_t unanswered = 0;
        Steady::duration pause{0};  // after the last failure
        Steady::time_point not_before;
    };

    void failed(const std::string& name, Topic& topic, const Error& error);

    kafka::Wakeup wakeup_;
    std::unique_ptr<kafka::Producer> producer_;
    std::map<std::string, Topic> topics_;
    std::map<std::uint64_t, std::string> sent_;  // by token: to which topic
    std::uint64_t next_token_ = 0;
};

}  // namespace drover::operators
