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
#include "src/jobqueue/units.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover cancel 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover cancel -f queues.yaml -q email --for 168h --reason 'sent to the wrong list' $(cat ids.txt)

Through a gateway, which knows the job, its queue and whether it has ended, unless -f, --kafka, --topic or -X say:
straight to Kafka. Then sidecars do not start these jobs (nor their retries) until the cancel expires (--for), and
nobody checks that there is such a job: an id with a typing error cancels nothing. A job that has finished stays
finished.

The exit code is 0 when all will be cancelled; 1 when there is no such job, it has ended, or the queue's topics are
missing; 2 when something about the input is wrong; 3 when gateway or Kafka cannot be reached.)";

struct Arguments {
    QueueArguments queue;
    GatewayArguments gateway;
    std::vector<std::string> jobs;
    std::string by, reason, lasts;
};

constexpr const char* lasts_by_default = "24h";

int cancel(const Arguments& arguments, const Environment& environment) {
    const auto way = way_of(arguments.queue, arguments.gateway);
    if (!way) return complain(way.error());
    if (*way == Way::gateway) {
        if (!arguments.lasts.empty())
            return complain(
                {Error::Code::invalid, "--for is for Kafka, where nobody knows the job: give --kafka or -f too"});
        return cancel_through_gateway({arguments.gateway, arguments.queue.queue, environment}, arguments.jobs,
                                      arguments.reason);
    }
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    const auto lasts = jobqueue::parse_duration(arguments.lasts.empty() ? lasts_by_default : arguments.lasts);
    if (!lasts || *lasts <= Duration{0})
        return complain({Error::Code::invalid, "--for must be a duration such as 24h, not " + arguments.lasts});
    const Time at = now(), expires_at = at + *lasts;
    std::vector<jobqueue::ControlRecord> cancels;
    for (const std::string& id : arguments.jobs) {
        cancels.emplace_back(jobqueue::control::Cancel{
            .job_id = id, .by = arguments.by, .reason = arguments.reason, .at = at, .expires_at = expires_at});
        const jobqueue::ControlMessage message = jobqueue::control_message(cancels.back());
        if (const auto readable = jobqueue::parse_control(message.key, message.value); !readable)
            return complain(readable.error());
    }
    const auto admin = reach(*target, {target->topics.main, target->topics.control});
    if (!admin) return complain(admin.error());
    if (const auto written = write_control(*target, cancels); !written) return complain(written.error());
    for (const std::string& id : arguments.jobs)
        std::cout << one_line(id) << " of " << target->name << " is cancelled until " << utc(expires_at) << " UTC\n";
    return 0;
}

}  // namespace

void add_cancel_command(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* command = app.add_subcommand("cancel", "Cancel jobs that have not ended");
    const auto arguments = std::make_shared<Arguments>();
    add_queue_options(*command, arguments->queue);
    add_gateway_options(*command, arguments->gateway);
    command->add_option("JOB", arguments->jobs, "Ids of jobs")->required();
    command->add_option("--for", arguments->lasts, "How long it holds, over Kafka; 24h by default");
    command->add_option("--reason", arguments->reason, "Why, for those who wonder");
    add_by_option(*command, arguments->by);
    command->footer(footer);
    command->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] { return cancel(*arguments, environment); };
    });
}

}  // namespace drover::cli
