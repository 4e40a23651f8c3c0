#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/kafka_options.h"
#include "cli/read_file.h"
#include "sidecar/run_sidecar.h"
#include "src/telemetry/log.h"

namespace drover::cli {
namespace {

Result<jobqueue::SidecarConfig> read_config(const std::string& file) {
    const Result<std::string> text = read_file(file);
    if (!text) return failure(Error::Code::invalid, "cannot read " + file + ": " + text.error().message);
    Result<jobqueue::SidecarConfig> config = jobqueue::sidecar_config_from_json(*text);
    if (!config) return failure(Error::Code::invalid, file + ":\n" + config.error().message);
    return config;
}

}  // namespace

void add_sidecar_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("sidecar", "Run one sidecar (started by the operator or by 'drover run')");
    const auto file = std::make_shared<std::string>();
    const auto pod = std::make_shared<std::string>();
    const auto settings = std::make_shared<std::string>();
    const auto token = std::make_shared<std::string>();
    command->add_option("--config", *file, "Its configuration, a JSON file")->required()->envname("DROVER_CONFIG");
    command->add_option("--pod", *pod, "Name of this pod, in attempts and metrics")->envname("POD_NAME");
    command->add_option("--kafka-settings", *settings, "A folder with a file for each further setting of librdkafka's")
        ->envname("DROVER_KAFKA_SETTINGS");
    command->add_option("--drain-token", *token, "What /drain asks for")->envname("DROVER_DRAIN_TOKEN");
    command->callback([&chosen, file, pod, settings, token] {
        chosen = [file, pod, settings, token] {
            const auto complain = [](const Error& error) {
                std::cerr << "drover: " << error.message << "\n";
                return 2;
            };
            Result<jobqueue::SidecarConfig> config = read_config(*file);
            if (!config) return complain(config.error());
            if (!pod->empty()) config->pod = *pod;
            if (!token->empty()) config->drain_token = *token;
            if (!settings->empty()) {
                Result<kafka::Settings> read = kafka_settings_in(*settings);
                if (!read) return complain(read.error());
                for (auto& [name, value] : *read) config->kafka[name] = std::move(value);
            }
            return sidecar::run_sidecar(*config);
        };
    });
}

}  // namespace drover::cli
