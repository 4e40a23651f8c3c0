// The app of the JobClient's tests: takes connections and runs a script on each, in a thread of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/http/raw_socket.h"

namespace drover::http::test {

class ScriptedWorker {
public:
    using Script = std::function<void(RawSocket&)>;

    explicit ScriptedWorker(Script script);
    // On a socket that is bound already.
    ScriptedWorker(RawSocket listener, Script script);
    // Ends what scripts wait for, and them.
    ~ScriptedWorker();

    std::uint16_t port() const { return port_; }
    int connections() const { return connections_; }

private:
    void take();

    RawSocket listener_;
    const std::uint16_t port_;
    const Script script_;
    const int stop_fd_;
    std::atomic<int> connections_{0};
    std::vector<std::jthread> scripts_;  // the taker's, until it has ended
    std::jthread taker_;
};

// Answers every request on the connection with `answer`.
ScriptedWorker::Script answering(std::string answer);

std::string answer_with(std::string_view body, std::string_view status = "200 OK", std::string_view headers = "");

}  // namespace drover::http::test
