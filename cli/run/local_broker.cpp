#include "cli/run/local_broker.h"

#include <unistd.h>

namespace drover::cli {
namespace {

constexpr auto stop_grace = std::chrono::seconds(20);  // it saves what makes the next start quick

}  // namespace

LocalBroker::LocalBroker(boost::asio::io_context& io, const std::filesystem::path& program, std::uint16_t port,
                         const std::filesystem::path& data, const std::filesystem::path& logs, Listener listener)
    : io_(io), executable_(program), port_(port), listener_(std::move(listener)) {
    ProcessSpec spec{.command = {program.string(), "--port", std::to_string(port), "--data", data.string()}};
    KeptProgram::Listener kept;
    kept.line = [this](Stream stream, const std::string& line) {
        if (stream == Stream::err) return listener_.trouble(line);  // a full disk, for one
        ready_ = true;                                              // its one line on stdout says that it serves
        program_->forget_last_words();
        listener_.ready();
    };
    kept.crashed = [this](int) {
        ready_ = false;
        listener_.ended(program_->problem());
    };
    program_ =
        std::make_shared<KeptProgram>(io, "the embedded broker", std::move(spec), logs / "broker.log", std::move(kept));
}

void LocalBroker::start() { program_->start(); }

void LocalBroker::stop(std::function<void()> stopped) { program_->stop(stop_grace, std::move(stopped)); }

void LocalBroker::kill() { program_->kill(); }

void LocalBroker::forget_member(const std::string& client_id, const std::vector<std::string>& groups) {
    ProcessSpec spec{.command = {executable_.string(), "leave", "--broker", address(), "--client", client_id}};
    spec.command.insert(spec.command.end(), groups.begin(), groups.end());
    const auto words = std::make_shared<std::string>();
    const int number = next_++;
    auto process = Process::start(
        io_, spec, [words](Stream, const std::string& line) { *words = line; },
        [this, number, words](const ProcessEnd& end) {
            if (!end.is_clean() && ready_) listener_.trouble(*words);
            leaving_.erase(number);
        });
    if (process)
        leaving_.emplace(number, std::move(*process));
    else
        listener_.trouble(process.error().message);
}

std::string LocalBroker::address() const { return "127.0.0.1:" + std::to_string(port_); }

Result<std::filesystem::path> find_broker(const std::filesystem::path& asked, const std::filesystem::path& executable) {
    const std::filesystem::path program = asked.empty() ? executable.parent_path() / "drover-broker" : asked;
    if (::access(program.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(program)) return program;
    return failure(
        Error::Code::not_found,
        "the embedded broker is not at " + program.string() +
            ".\nIn a clone 'make deps' builds it and 'deps/broker.sh' prints its path: give that with --broker or "
            "in DROVER_BROKER.\nOr use a Kafka of your own with --kafka host:port.");
}

}  // namespace drover::cli
