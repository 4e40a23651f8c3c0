// The gateway of `drover run`: a process, started again when it ends. Room: cli. Owner thread: that of `io`.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>

#include "cli/run/kept_program.h"
#include "src/base/result.h"
#include "src/kafka/settings.h"

namespace drover::cli {

class LocalGateway {
public:
    struct Options {
        std::filesystem::path executable;  // this program
        std::filesystem::path data;        // of the run
        kafka::Settings kafka;
        std::string default_namespace;
        std::uint16_t port = 4100;  // or the first free one above
    };
    using Say = std::function<void(const std::string&)>;  // for a person

    static Result<std::unique_ptr<LocalGateway>> start(boost::asio::io_context& io, const Options& options, Say say);

    std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
    void stop(std::function<void()> stopped);
    void kill() { program_->kill(); }

private:
    std::uint16_t port_ = 0;
    std::shared_ptr<KeptProgram> program_;
};

}  // namespace drover::cli
