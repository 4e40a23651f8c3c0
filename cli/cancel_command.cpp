#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/dead_letter_view.h"
#include "cli/queue_options.h"
#include "cli/queue_records.h"
#include "cli/terminal_text.h"
#include "src/jobqueue/units.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover cancel -q email 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover cancel -f queues.yaml -q email --for 168h --reason 'sent to the wrong list' $(cat ids.txt)

Sidecars do not start these jobs (nor their retries) from now until the cancel expires. A job that has finished stays
finished. Nobody checks that there is such a job: an id with a typing error cancels nothing.

The exit code is 0 when Kafka has all of them; 1 when it cannot be reached or the queue's topics are missing; 2 when
something about the input is wrong, and then nothing has been cancelled.)";

struct Arguments {
    QueueArguments queue;
    std::vector<std::string> jobs;
    std::string by, reason, lasts = "24h";
};

Time now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

int cancel(const Arguments& arguments) {
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    const auto lasts = jobqueue::parse_duration(arguments.lasts);
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

void add_cancel_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("cancel", "Cancel jobs that wait");
    const auto arguments = std::make_shared<Arguments>();
    add_queue_options(*command, arguments->queue);
    command->add_option("JOB", arguments->jobs, "Ids of jobs")->required();
    command->add_option("--for", arguments->lasts, "How long it holds")->capture_default_str();
    command->add_option("--reason", arguments->reason, "Why, for those who wonder");
    add_by_option(*command, arguments->by);
    command->footer(footer);
    command->callback([&chosen, arguments] { chosen = [arguments] { return cancel(*arguments); }; });
}

}  // namespace drover::cli
