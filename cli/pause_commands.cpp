#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/dead_letter_view.h"
#include "cli/queue_options.h"
#include "cli/queue_records.h"
#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover pause -f queues.yaml -q email --reason 'the mail server is down'
  drover resume -q shop.email --kafka kafka:9092

A queue is paused while anybody says so: this command, the operator, the gateway. 'resume' takes back what 'pause' said,
and names those who still pause the queue. Jobs in flight are finished; the others wait.

The exit code is 0 when Kafka has it, also where others still pause the queue; 1 when Kafka cannot be reached or the
queue's topics are missing; 2 when something about the input is wrong.)";

struct Arguments {
    QueueArguments queue;
    std::string by, reason;
};

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

void tell(const QueueTarget& target, const std::vector<jobqueue::control::Pause>& sources, bool paused_by_us) {
    const bool in_file = target.queue && target.queue->paused;
    if (sources.empty() && !in_file) {
        std::cout << target.name << " is not paused\n";
        return;
    }
    std::cout << target.name << (paused_by_us ? " is paused:\n" : " is still paused:\n");
    for (const auto& pause : sources) {
        std::cout << "  by " << one_line(pause.source);
        if (!pause.by.empty()) std::cout << " (" << one_line(pause.by) << ')';
        if (pause.at != Time{}) std::cout << " since " << utc(pause.at) << " UTC";
        if (!pause.reason.empty()) std::cout << ": " << one_line(pause.reason);
        std::cout << '\n';
    }
    if (in_file) std::cout << "  by its file, which says spec.paused: true\n";
}

int set_paused(const Arguments& arguments, bool paused) {
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    const auto admin = reach(*target, {target->topics.main, target->topics.control});
    if (!admin) return complain(admin.error());
    const jobqueue::control::Pause pause{.source = std::string(jobqueue::pause_source_cli),
                                         .paused = paused,
                                         .by = arguments.by,
                                         .reason = arguments.reason,
                                         .at = now()};
    if (const auto written = write_control(*target, {pause}); !written) return complain(written.error());
    const auto control = read_control(*target, **admin, now());
    if (!control) return complain(control.error());
    tell(*target, control->state().pause_sources(), paused);
    return 0;
}

void add_command(CLI::App& app, Chosen& chosen, const std::string& name, const std::string& description, bool paused) {
    CLI::App* command = app.add_subcommand(name, description);
    const auto arguments = std::make_shared<Arguments>();
    add_queue_options(*command, arguments->queue);
    command->add_option("--reason", arguments->reason, "Why, for those who wonder");
    add_by_option(*command, arguments->by);
    command->footer(footer);
    command->callback(
        [&chosen, arguments, paused] { chosen = [arguments, paused] { return set_paused(*arguments, paused); }; });
}

}  // namespace

void add_pause_commands(CLI::App& app, Chosen& chosen) {
    add_command(app, chosen, "pause", "Hand over no more jobs of a queue", true);
    add_command(app, chosen, "resume", "Take back 'drover pause'", false);
}

}  // namespace drover::cli
