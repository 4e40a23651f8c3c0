#include <unistd.h>

#include <array>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/kafka_options.h"
#include "gateway/gateway.h"

namespace drover::cli {
namespace {

std::string host_name() {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    return host.data();
}

}  // namespace

void add_gateway_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("gateway", "Run the gateway: jobs come in over HTTP, and are followed");
    const auto settings = std::make_shared<gateway::GatewaySettings>();
    const auto kafka = std::make_shared<std::string>();
    const auto folder = std::make_shared<std::string>();
    const auto data = std::make_shared<std::string>("drover-gateway");
    const auto tokens = std::make_shared<std::string>();
    const auto certificate = std::make_shared<std::string>();
    const auto key = std::make_shared<std::string>();
    const auto webhooks = std::make_shared<std::string>();
    command->add_option("--address", settings->address, "Where to listen")->capture_default_str();
    command->add_option("--port", settings->port, "Where to listen; 0 is any free one")->capture_default_str();
    command->add_option("--kafka", *kafka, "HOST:PORT of Kafka")->required()->envname("DROVER_KAFKA");
    command->add_option("--kafka-settings", *folder, "A folder with a file for each further setting of librdkafka's")
        ->envname("DROVER_KAFKA_SETTINGS");
    command->add_option("--data", *data, "Folder of what it keeps on disk")->capture_default_str();
    command
        ->add_option("--database", settings->database,
                     "Where the view of jobs is: postgresql://… (default: SQLite in --data). One with a password is "
                     "better told by the variable: command lines are seen by others")
        ->envname("DROVER_DATABASE");
    command->add_option("--namespace", settings->default_namespace, "Of queues that are named without one")
        ->capture_default_str();
    command->add_option("--tokens", *tokens, "File with the tokens that may do something (default: everybody may)");
    command->add_option("--tls-cert", *certificate, "Its certificate and chain, a PEM file (default: plain HTTP)");
    command->add_option("--tls-key", *key, "The certificate's key, a PEM file");
    command->add_option("--webhooks", *webhooks, "File that says who is told of failed jobs and of alerts");
    command->add_option("--identity", settings->identity, "Who this is, in the audit log")->envname("POD_NAME");
    command->callback([&chosen, settings, kafka, folder, data, tokens, certificate, key, webhooks] {
        chosen = [settings, kafka, folder, data, tokens, certificate, key, webhooks] {
            if (!folder->empty()) {
                Result<kafka::Settings> read = kafka_settings_in(*folder);
                if (!read) {
                    std::cerr << "drover: " << read.error().message << "\n";
                    return 2;
                }
                settings->kafka = std::move(*read);
            }
            settings->kafka["bootstrap.servers"] = *kafka;
            settings->data = *data;
            settings->tokens = *tokens;
            settings->tls_certificate = *certificate;
            settings->tls_key = *key;
            settings->webhooks = *webhooks;
            if (settings->identity.empty()) settings->identity = host_name();
            return gateway::run_gateway(*settings);
        };
    });
}

}  // namespace drover::cli
