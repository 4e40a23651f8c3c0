#include "cli/run/local_gateway.h"

#include <fstream>

#include "cli/run/ports.h"

namespace drover::cli {
namespace {

constexpr auto stop_grace = std::chrono::seconds(15);  // for requests that it is answering

// As a Secret is mounted: passwords are on no command line.
Result<void> write_settings(const std::filesystem::path& folder, const kafka::Settings& settings) {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    std::filesystem::create_directories(folder, error);
    if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return failure(Error::Code::unavailable, "cannot write " + folder.string() + ": " + error.message());
    for (const auto& [name, value] : settings) {
        if (name == "bootstrap.servers") continue;
        std::ofstream file(folder / name, std::ios::binary);
        if (!(file << value) || !file.flush()) {
            return failure(Error::Code::unavailable, "cannot write " + (folder / name).string());
        }
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<LocalGateway>> LocalGateway::start(boost::asio::io_context& io, const Options& options,
                                                          Say say) {
    const Result<std::uint16_t> port = free_port_from(options.port);
    if (!port) return tl::unexpected(port.error());
    const std::filesystem::path data = options.data / "gateway", settings = data / "kafka";
    if (Result<void> written = write_settings(settings, options.kafka); !written) {
        return tl::unexpected(written.error());
    }
    auto gateway = std::make_unique<LocalGateway>();
    gateway->port_ = *port;
    ProcessSpec spec{.command = {options.executable.string(), "gateway", "--port", std::to_string(*port), "--kafka",
                                 options.kafka.at("bootstrap.servers"), "--kafka-settings", settings.string(), "--data",
                                 data.string(), "--namespace", options.default_namespace}};
    KeptProgram::Listener listener;
    listener.trouble = [say = std::move(say)](const std::string& why) { say(why + "; it is started again"); };
    gateway->program_ = std::make_shared<KeptProgram>(io, "the gateway", std::move(spec),
                                                      options.data / "logs" / "gateway.log", std::move(listener));
    gateway->program_->start();
    return gateway;
}

void LocalGateway::stop(std::function<void()> stopped) { program_->stop(stop_grace, std::move(stopped)); }

}  // namespace drover::cli
