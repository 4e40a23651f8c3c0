// drover schedules: cron schedules of a queue.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/submission.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover schedules -q reports
  drover schedules set -q reports nightly --cron '0 3 * * *' --time-zone Europe/Berlin --type day '{"of":"yesterday"}'
  drover schedules pause -q reports nightly
  drover schedules remove -q reports nightly

The exit code is 0; 1 when there is no such schedule or queue; 2 when something about the input is wrong; 3 when the
gateway cannot be reached.)";

struct Arguments {
    GatewayArguments gateway;
    std::string queue, output, name, cron, time_zone, missed_runs, payload;
    std::optional<int> catch_up_limit;
    SubmissionFields job;
};

int tell(const Json& schedule, const Arguments& arguments, const Environment& environment) {
    const View view = view_of_stdout(environment);
    if (arguments.output == "json")
        print(schedule);
    else
        print(schedule_lines(Json::array({schedule}), view), view);
    return 0;
}

int list(Arguments& arguments, const Environment& environment) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        const auto answer = api.schedules(queue);
        if (!answer) return complain(answer.error());
        const Json& schedules = list_of(*answer, "schedules");
        const View view = view_of_stdout(environment);
        if (arguments.output == "json")
            print(*answer);
        else if (schedules.empty())
            std::cerr << "no schedules of " << queue << '\n';
        else
            print(schedule_lines(schedules, view), view);
        return 0;
    });
}

int show(Arguments& arguments, const Environment& environment) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        const auto answer = api.schedule(queue, arguments.name);
        return answer ? tell(*answer, arguments, environment) : complain(answer.error());
    });
}

Result<Json> job_of(const Arguments& arguments) {
    const auto shared = shared_fields(arguments.job);
    if (!shared) return tl::unexpected(shared.error());
    const auto text = submission_of(*shared, arguments.payload);
    if (!text) return tl::unexpected(text.error());
    std::optional<Json> job = parse_json(*text);
    if (!job) return failure(Error::Code::internal, "the job is no JSON");
    return std::move(*job);
}

int put(const Json& schedule, const Arguments& arguments, GatewayApi& api, const std::string& queue,
        const Environment& environment) {
    const auto made = api.put_schedule(queue, arguments.name, schedule);
    if (!made) return complain(made.error());
    // What was made, with its next runs, where the gateway has read it back by now.
    const auto read = api.schedule(queue, arguments.name);
    return tell(read ? *read : *made, arguments, environment);
}

int set(Arguments& arguments, const Environment& environment) {
    auto job = job_of(arguments);
    if (!job) return complain(job.error());
    Json schedule{{"cron", arguments.cron}, {"job", std::move(*job)}};
    if (!arguments.time_zone.empty()) schedule["timeZone"] = arguments.time_zone;
    if (!arguments.missed_runs.empty()) schedule["missedRuns"] = arguments.missed_runs;
    if (arguments.catch_up_limit) schedule["catchUpLimit"] = *arguments.catch_up_limit;
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        return put(schedule, arguments, api, queue, environment);
    });
}

int set_paused(Arguments& arguments, const Environment& environment, bool paused) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        const auto known = api.schedule(queue, arguments.name);
        if (!known) return complain(known.error());
        Json schedule = Json::object();
        for (const char* name : {"cron", "timeZone", "missedRuns", "catchUpLimit", "job"}) {
            if (const Json& value = member(*known, name); !value.is_null()) schedule[name] = value;
        }
        schedule["paused"] = paused;
        return put(schedule, arguments, api, queue, environment);
    });
}

int remove(Arguments& arguments, const Environment& environment) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        if (const auto removed = api.remove_schedule(queue, arguments.name); !removed) return complain(removed.error());
        std::cout << "schedule " << arguments.name << " of " << queue << " is gone\n";
        return 0;
    });
}

}  // namespace

void add_schedule_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    using Run = int (*)(Arguments&, const Environment&);
    CLI::App* group = app.add_subcommand("schedules", "Cron schedules of a queue");
    group->require_subcommand(0, 1);
    const auto set_up = [&](CLI::App& command, Run run) {
        const auto arguments = std::make_shared<Arguments>();
        add_queue_option(command, arguments->queue);
        add_namespace_option(command, arguments->gateway);
        add_gateway_options(command, arguments->gateway);
        add_output_option(command, arguments->output);
        command.footer(footer);
        return std::pair(arguments, [&chosen, arguments, run, &environment] {
            chosen = [arguments, run, &environment] { return run(*arguments, environment); };
        });
    };
    const auto listing = set_up(*group, list).second;
    group->callback([group, listing] {
        if (group->get_subcommands().empty()) listing();
    });
    const auto named = [&](const char* name, const char* description, Run run) {
        CLI::App* command = group->add_subcommand(name, description);
        auto [arguments, choose] = set_up(*command, run);
        command->add_option("NAME", arguments->name, "Of the schedule")->required();
        command->callback(choose);
        return std::pair(command, arguments);
    };
    CLI::App* all = group->add_subcommand("list", "All of them (the default)");
    all->callback(set_up(*all, list).second);
    named("show", "One, with its job and next runs", show);
    named("pause", "Run it no more", [](Arguments& a, const Environment& e) { return set_paused(a, e, true); });
    named("resume", "Run it again", [](Arguments& a, const Environment& e) { return set_paused(a, e, false); });
    named("remove", "Remove it; its jobs that are on their way stay", remove);
    const auto [command, to] = named("set", "Make one, or change the one of that name", set);
    command->add_option("PAYLOAD", to->payload, "Of its jobs, JSON")->required();
    command->add_option("--cron", to->cron, "Five fields, six with seconds first, or @hourly and the like")->required();
    command->add_option("--time-zone", to->time_zone, "An IANA name such as Europe/Berlin (default: UTC)");
    command->add_option("--missed-runs", to->missed_runs, "runOnce, skip or catchUp")
        ->check(CLI::IsMember({"runOnce", "skip", "catchUp"}));
    command->add_option("--catch-up-limit", to->catch_up_limit, "At most so many of the runs that were missed");
    command->add_option("--type", to->job.type, "Type of its jobs");
    command->add_option("--key", to->job.key, "Their ordering key");
    command->add_option("--priority", to->job.priority, "critical, high, normal, low or background");
    command->add_option("--max-attempts", to->job.max_attempts, "How often each is tried");
    command->add_option("--timeout", to->job.timeout, "Of an attempt, e.g. 30s");
    command->add_option("--label", to->job.labels, "name=value, to find them by")->allow_extra_args(false);
}

}  // namespace drover::cli
