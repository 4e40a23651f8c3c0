// A child process: its output line by line, its end, its signals. Room: cli.
//
// It runs in a process group of its own, so a Ctrl-C at the terminal does not reach it, and what it leaves behind in
// that group ends with it. The kernel kills it when this program ends, however that comes.
// Owner thread: the one that runs `io`; start() has to be called on a thread that lives as long as the program.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "src/base/result.h"

namespace drover::cli {

struct ProcessSpec {
    std::vector<std::string> command;                // the program, by its path or found in PATH, and its arguments
    std::map<std::string, std::string> environment;  // added to ours
    std::filesystem::path folder;                    // "" is ours
};

struct ProcessEnd {
    int code = 0;    // when it exited
    int signal = 0;  // when a signal ended it

    bool is_clean() const { return code == 0 && signal == 0; }
};
std::string describe(const ProcessEnd& end);  // "ended with code 1", "was killed by signal 9 (Killed)"

enum class Stream { out, err };

class Process {
public:
    // Lines come without their end, cut at 8 KiB. `ended` comes once, after the last line, never from within start().
    // Both may destroy the Process; neither is called after that.
    using OnLine = std::function<void(Stream, std::string)>;
    using OnEnd = std::function<void(ProcessEnd)>;

    // An Error when the program or the folder cannot be used.
    static Result<std::unique_ptr<Process>> start(boost::asio::io_context& io, const ProcessSpec& spec, OnLine line,
                                                  OnEnd ended);
    ~Process();  // kills what still runs
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    int pid() const;
    void signal(int number);  // to the whole group

private:
    class Running;
    explicit Process(std::shared_ptr<Running> running) : running_(std::move(running)) {}

    std::shared_ptr<Running> running_;
};

}  // namespace drover::cli
