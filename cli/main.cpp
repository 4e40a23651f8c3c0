// `drover`: one executable, one subcommand for each program. Room: cli.
#include <CLI/CLI.hpp>

#include "cli/commands.h"

int main(int argc, char** argv) {
    CLI::App app{"Drover runs background jobs over Kafka, for workers in any language.", "drover"};
    app.set_version_flag("--version", "drover " DROVER_VERSION);
    app.require_subcommand(1);
    drover::cli::Chosen chosen;
    drover::cli::add_run_command(app, chosen);
    drover::cli::add_submit_command(app, chosen);
    drover::cli::add_pause_commands(app, chosen);
    drover::cli::add_cancel_command(app, chosen);
    drover::cli::add_dead_commands(app, chosen);
    drover::cli::add_validate_command(app, chosen);
    drover::cli::add_probe_command(app, chosen);
    drover::cli::add_operator_command(app, chosen);
    drover::cli::add_gateway_command(app, chosen);
    drover::cli::add_sidecar_command(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    return chosen();
}
