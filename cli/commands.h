// The subcommands of `drover`. Room: cli. Each adds itself to the parser and runs when it was chosen.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace drover::cli {

// What to run after parsing; returns the exit code: 0 done, 1 failed, 2 wrong input. A command that has more says so.
using Chosen = std::function<int()>;

void add_run_command(CLI::App& app, Chosen& chosen);
void add_submit_command(CLI::App& app, Chosen& chosen);
void add_pause_commands(CLI::App& app, Chosen& chosen);  // pause, resume
void add_cancel_command(CLI::App& app, Chosen& chosen);
void add_dead_commands(CLI::App& app, Chosen& chosen);     // dead list, show, redrive
void add_redrive_command(CLI::App& dead, Chosen& chosen);  // of these
void add_validate_command(CLI::App& app, Chosen& chosen);
void add_probe_command(CLI::App& app, Chosen& chosen);
void add_operator_command(CLI::App& app, Chosen& chosen);
void add_gateway_command(CLI::App& app, Chosen& chosen);
void add_sidecar_command(CLI::App& app, Chosen& chosen);

}  // namespace drover::cli
