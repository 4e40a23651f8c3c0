// One worker process with its sidecar process. Room: cli. Owner thread: that of `io`.
//
// stop(): the sidecar drains (finishes what is in flight, leaves its groups) while the worker is there to answer, then
// the worker is told to end, then the sidecar. A program that ends by itself is started again.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "cli/run/kept_program.h"
#include "cli/run/ports.h"
#include "sidecar/stats.h"

namespace drover::cli {

class Replica : public std::enable_shared_from_this<Replica> {
public:
    struct Setup {
        std::string name;  // "email-1": of its log files, and in attempts
        ProcessSpec worker;
        ProcessSpec sidecar;
        std::function<Result<void>(const std::string& client_id)> configure;  // before each start of the sidecar
        PortPool::Ports ports;
        std::filesystem::path logs;  // folder
        std::chrono::milliseconds job_timeout{0};
    };
    struct Listener {
        std::function<void(const std::string& program, const std::string& line)> line;
        std::function<void(const std::string& line)> sidecar_line;
        std::function<void(const std::string& client_id)> sidecar_crashed;
        std::function<void(const std::string& why)> trouble;  // one of both crashed, other than a moment ago
        std::function<void()> ended;                          // once, after stop() or kill()
    };

    Replica(boost::asio::io_context& io, Setup setup, Listener listener);

    void start();
    void poll();  // asks the sidecar for its figures
    void stop();
    void kill();

    const std::string& name() const { return setup_.name; }
    const PortPool::Ports& ports() const { return setup_.ports; }
    bool is_stopping() const { return stopping_; }
    // Since the replica began, of all its sidecar processes.
    sidecar::Stats stats() const;
    // The worker's port answers, as the sidecar sees it.
    bool is_reachable() const { return has_figures_ && stats_.worker_reachable; }
    // It has had the time to start, and its port does not answer.
    bool is_overdue() const;
    // What is wrong, for a person; "" for nothing.
    std::string problem() const;

private:
    void take(const Result<std::string>& body);
    std::string client_id(int start) const;
    void configure(int start);
    void sidecar_crashed(int start);
    void stop_worker_then_sidecar();
    void stop_sidecar_then_worker();
    void finish();

    boost::asio::io_context& io_;
    Setup setup_;
    Listener listener_;
    std::shared_ptr<KeptProgram> worker_, sidecar_;
    std::chrono::steady_clock::time_point started_at_{};
    sidecar::Stats past_, stats_;  // of earlier sidecar processes, and as last read from this one
    std::string problem_;          // why the sidecar could not be configured
    bool has_figures_ = false;     // of this sidecar process
    int polls_ = 0;                // a late answer must not be taken for the next process's
    bool polling_ = false;
    bool stopping_ = false;
};

}  // namespace drover::cli
