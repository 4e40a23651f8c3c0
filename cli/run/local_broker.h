// The embedded broker: a process, started again when it ends. Room: cli. Owner thread: that of `io`.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "cli/run/kept_program.h"

namespace drover::cli {

class LocalBroker {
public:
    struct Listener {
        std::function<void()> ready;                        // it serves, at each of its starts
        std::function<void(const std::string& why)> ended;  // by itself; it will be started again
        std::function<void(const std::string&)> trouble;    // for a person
    };

    LocalBroker(boost::asio::io_context& io, const std::filesystem::path& program, std::uint16_t port,
                const std::filesystem::path& data, const std::filesystem::path& logs, Listener listener);

    void start();
    void stop(std::function<void()> stopped);
    void kill();
    // A member of these groups that has died: its partitions need not wait for its session to run out.
    void forget_member(const std::string& client_id, const std::vector<std::string>& groups);

    bool is_ready() const { return ready_; }
    std::string address() const;

private:
    boost::asio::io_context& io_;
    std::filesystem::path executable_;
    std::uint16_t port_;
    Listener listener_;
    bool ready_ = false;
    std::shared_ptr<KeptProgram> program_;
    std::map<int, std::unique_ptr<Process>> leaving_;  // forget_member() under way
    int next_ = 0;
};

// Where the program is: as asked for, else beside this executable. An Error says how to get it.
Result<std::filesystem::path> find_broker(const std::filesystem::path& asked, const std::filesystem::path& executable);

}  // namespace drover::cli
