// `drover`: one executable, one subcommand for each program. Room: cli.
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/environment.h"

// Read by jemalloc as the program begins (ADR 9): two heaps, and what was let go is given back after a second of work.
// A sidecar stays 12 MiB smaller by that than with a heap for each thread.
extern "C" {
extern const char* const malloc_conf;
const char* const malloc_conf = "narenas:2,dirty_decay_ms:1000,muzzy_decay_ms:0";
}

int main(int argc, char** argv) {
    const drover::cli::Environment environment = drover::cli::read_environment(argv[0]);
    CLI::App app{"Drover runs background jobs over Kafka, for workers in any language.",
                 environment.is_kubectl_plugin ? "kubectl drover" : "drover"};
    app.set_version_flag("--version", "drover " DROVER_VERSION);
    app.require_subcommand(1);
    drover::cli::Chosen chosen;
    drover::cli::add_run_command(app, chosen);
    drover::cli::add_submit_command(app, chosen, environment);
    drover::cli::add_job_commands(app, chosen, environment);
    drover::cli::add_queues_command(app, chosen, environment);
    drover::cli::add_top_command(app, chosen, environment);
    drover::cli::add_explain_commands(app, chosen, environment);
    drover::cli::add_pause_commands(app, chosen, environment);
    drover::cli::add_cancel_command(app, chosen, environment);
    drover::cli::add_dead_commands(app, chosen, environment);
    drover::cli::add_bulk_commands(app, chosen, environment);
    drover::cli::add_upkeep_commands(app, chosen, environment);
    drover::cli::add_schedule_commands(app, chosen, environment);
    drover::cli::add_context_commands(app, chosen, environment);
    drover::cli::add_validate_command(app, chosen);
    drover::cli::add_render_command(app, chosen);
    drover::cli::add_completion_command(app, chosen, environment);
    drover::cli::add_probe_command(app, chosen);
    drover::cli::add_operator_command(app, chosen);
    drover::cli::add_gateway_command(app, chosen);
    drover::cli::add_sidecar_command(app, chosen);
    try {
        app.parse(argc, argv);
    } catch (const CLI::RequiredError& error) {
        // What it takes for an argument is meant as a command.
        if (const auto rest = app.remaining(); app.get_subcommands().empty() && !rest.empty())
            std::cerr << "drover: there is no command '" << rest.front() << "'; 'drover --help' lists them\n";
        else
            app.exit(error);
        return 2;
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    return chosen();
}
