#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/dead_letter_view.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/through_gateway.h"
#include "cli/queue_options.h"
#include "cli/queue_records.h"
#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover pause -q email --reason 'the mail server is down'
  drover resume -q email
  drover pause -q shop.email --kafka kafka:9092

Through a gateway, unless -f, --kafka, --topic or -X say: straight to Kafka. A queue is paused while anybody says so:
the gateway, this command over Kafka, the operator. 'resume' takes back what 'pause' said on the same way, and names
those who still pause the queue. Jobs in flight are finished; the others wait.

The exit code is 0 when it is done, also where others still pause the queue; 1 when there is no such queue, or its
topics are missing; 2 when something about the input is wrong; 3 when gateway or Kafka cannot be reached.)";

struct Arguments {
    QueueArguments queue;
    GatewayArguments gateway;
    std::string by, reason;
};

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

int set_paused(Arguments& arguments, bool paused, const Environment& environment) {
    const auto way = way_of(arguments.queue, arguments.gateway);
    if (!way) return complain(way.error());
    if (*way == Way::gateway) {
        arguments.gateway.ns = arguments.queue.ns;
        return pause_through_gateway({arguments.gateway, arguments.queue.queue, environment}, paused, arguments.reason);
    }
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

void add_command(CLI::App& app, Chosen& chosen, const std::string& name, const std::string& description, bool paused,
                 const Environment& environment) {
    CLI::App* command = app.add_subcommand(name, description);
    const auto arguments = std::make_shared<Arguments>();
    add_queue_options(*command, arguments->queue);
    add_gateway_options(*command, arguments->gateway);
    command->add_option("--reason", arguments->reason, "Why, for those who wonder");
    add_by_option(*command, arguments->by);
    command->footer(footer);
    command->callback([&chosen, arguments, paused, &environment] {
        chosen = [arguments, paused, &environment] { return set_paused(*arguments, paused, environment); };
    });
}

}  // namespace

void add_pause_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    add_command(app, chosen, "pause", "Hand over no more jobs of a queue", true, environment);
    add_command(app, chosen, "resume", "Take back 'drover pause'", false, environment);
}

}  // namespace drover::cli
