// A program that is started again whenever it ends, until it is told to stop. Room: cli. Owner thread: that of `io`.
//
// Pauses between starts: 0.1 s, doubled up to 10 s, from 0.1 s again after it has lived for 10 s.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "cli/run/output_log.h"
#include "cli/run/process.h"

namespace drover::cli {

class KeptProgram : public std::enable_shared_from_this<KeptProgram> {
public:
    struct Listener {
        // Each may be empty.
        std::function<void(int start)> starting;  // before each start, counted from 1
        std::function<void(Stream, const std::string&)> line;
        std::function<void(int start)> crashed;               // this one ended without being told to
        std::function<void(const std::string& why)> trouble;  // the same, unless the last one ended so a moment ago
    };

    // `name` is for messages: "the worker".
    KeptProgram(boost::asio::io_context& io, std::string name, ProcessSpec spec, std::filesystem::path log,
                Listener listener);

    void start();
    // SIGTERM, and SIGKILL after `grace`. `stopped` comes once, never from within stop().
    void stop(std::chrono::milliseconds grace, std::function<void()> stopped);
    // At once, and it stays ended; a stop() that is under way is told.
    void kill();

    bool is_running() const { return process_ != nullptr; }
    int pid() const { return process_ ? process_->pid() : 0; }
    int starts() const { return starts_; }
    // Why it is not there, or was not a moment ago, with its last words; "" when all is well.
    std::string problem() const;
    void forget_last_words() { log_.forget_last_words(); }  // what it wrote so far is no cause of its end

private:
    void launch();
    void ended(const std::string& how);
    void wait_and_start();
    void finish_stop();

    boost::asio::io_context& io_;
    std::string name_;
    ProcessSpec spec_;
    OutputLog log_;
    Listener listener_;
    boost::asio::steady_timer timer_;  // of the next start, of the end of the trouble, or of the grace
    std::unique_ptr<Process> process_;
    std::chrono::steady_clock::time_point started_at_{};
    std::chrono::milliseconds pause_;
    int starts_ = 0;
    bool stopping_ = false;
    std::function<void()> stopped_;
    std::string problem_;
};

}  // namespace drover::cli
