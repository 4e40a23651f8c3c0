// The subcommands of `drover`. Room: cli. Each adds itself to the parser and runs when it was chosen.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace drover::cli {

struct Environment;

// What to run after parsing; returns the exit code: 0 done; 1 what was asked for failed, or is not there; 2 wrong
// input; 3 gateway or Kafka cannot be reached. A command that has more says so. `environment` outlives it.
using Chosen = std::function<int()>;

void add_run_command(CLI::App& app, Chosen& chosen);
void add_submit_command(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_job_commands(CLI::App& app, Chosen& chosen, const Environment& environment);  // status, watch, logs, jobs
void add_queues_command(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_bulk_commands(CLI::App& app, Chosen& chosen, const Environment& environment);    // bulk …, retry
void add_upkeep_commands(CLI::App& app, Chosen& chosen, const Environment& environment);  // empty, clean
void add_schedule_commands(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_explain_commands(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_top_command(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_context_commands(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_pause_commands(CLI::App& app, Chosen& chosen, const Environment& environment);  // pause, resume
void add_cancel_command(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_dead_commands(CLI::App& app, Chosen& chosen, const Environment& environment);     // dead list, show, redrive
void add_redrive_command(CLI::App& dead, Chosen& chosen, const Environment& environment);  // of these
void add_validate_command(CLI::App& app, Chosen& chosen);
void add_render_command(CLI::App& app, Chosen& chosen);
void add_completion_command(CLI::App& app, Chosen& chosen, const Environment& environment);
void add_probe_command(CLI::App& app, Chosen& chosen);
void add_operator_command(CLI::App& app, Chosen& chosen);
void add_gateway_command(CLI::App& app, Chosen& chosen);
void add_sidecar_command(CLI::App& app, Chosen& chosen);

}  // namespace drover::cli
