#include "cli/run/local_broker.h"

#include <unistd.h>

namespace drover::cli {
namespace {

constexpr auto stop_grace = std::chrono::seconds(20);  // it saves what makes the next start quick

}  // namespace

LocalBroker::LocalBroker(boost::asio::io_context& io, const std::filesystem::path& program, std::uint16_t port,
                         const std::filesystem::path& data, const std::filesystem::path& logs, Listener listener)
    : port_(port), listener_(std::move(listener)) {
    ProcessSpec spec{.command = {program.string(), "--port", std::to_string(port), "--data", data.string()}};
    program_ = std::make_shared<KeptProgram>(
        io, "the embedded broker", std::move(spec), logs / "broker.log",
        KeptProgram::Listener{.line =
                                  [this](Stream stream, const std::string&) {
                                      if (stream != Stream::out) return;  // its one line there says that it serves
                                      ready_ = true;
                                      listener_.ready();
                                  },
                              .crashed =
                                  [this] {
                                      ready_ = false;
                                      listener_.ended(program_->problem());
                                  }});
}

void LocalBroker::start() { program_->start(); }

void LocalBroker::stop(std::function<void()> stopped) { program_->stop(stop_grace, std::move(stopped)); }

void LocalBroker::kill() { program_->kill(); }

std::string LocalBroker::address() const { return "127.0.0.1:" + std::to_string(port_); }

Result<std::filesystem::path> find_broker(const std::filesystem::path& asked, const std::filesystem::path& executable) {
    const std::filesystem::path program = asked.empty() ? executable.parent_path() / "drover-broker" : asked;
    if (::access(program.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(program)) return program;
    return failure(Error::Code::not_found,
                   "the embedded broker is not at " + program.string() +
                       ".\nIn a clone 'make deps' builds it and 'deps/broker.sh' prints its path: give that with --broker or "
                       "in DROVER_BROKER.\nOr use a Kafka of your own with --kafka host:port.");
}

}  // namespace drover::cli
