#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "sidecar/run_sidecar.h"
#include "src/telemetry/log.h"

namespace drover::cli {

void add_sidecar_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("sidecar", "Run one sidecar (started by the operator or by 'drover run')");
    const auto file = std::make_shared<std::string>();
    const auto pod = std::make_shared<std::string>();
    command->add_option("--config", *file, "Its configuration, a JSON file")->required()->envname("DROVER_CONFIG");
    command->add_option("--pod", *pod, "Name of this pod, in attempts and metrics")->envname("POD_NAME");
    command->callback([&chosen, file, pod] {
        chosen = [file, pod] {
            std::ifstream in(*file);
            std::stringstream text;
            text << in.rdbuf();
            if (!in) {
                std::cerr << "drover: cannot read " << *file << "\n";
                return 2;
            }
            Result<jobqueue::SidecarConfig> config = jobqueue::sidecar_config_from_json(text.str());
            if (!config) {
                std::cerr << "drover: " << *file << ":\n" << config.error().message << "\n";
                return 2;
            }
            if (!pod->empty()) config->pod = *pod;
            return sidecar::run_sidecar(*config);
        };
    });
}

}  // namespace drover::cli
