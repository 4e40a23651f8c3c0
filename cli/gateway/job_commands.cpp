// drover status, watch, logs, jobs: what became of jobs.
#include <iostream>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/waiting.h"
#include "cli/queue_options.h"
#include "src/jobqueue/units.h"
#include "src/letters/dead_letter.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* status_footer = R"(Examples:
  drover status 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover status JOB -o json | jq .state

The exit code is 0, whatever the job's state is; 1 when there is no such job; 3 when the gateway cannot be reached.)";

constexpr const char* watch_footer = R"(Examples:
  drover watch 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover watch --for 5m JOB JOB JOB

Until they have ended. The exit code is 0 when all completed; 1 when one failed, was cancelled, is not there, or has not
ended within --for; 3 when the gateway cannot be reached.)";

constexpr const char* logs_footer = R"(Examples:
  drover logs 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover logs --follow JOB

What the worker logged about the job through its sidecar. The exit code is 0, also where it logged nothing; 1 when there
is no such job; 3 when the gateway cannot be reached.)";

constexpr const char* jobs_footer = R"(Examples:
  drover jobs -q email --state failed,retrying --since 2h
  drover jobs -q email --error Http503 -o id | xargs drover cancel
  drover jobs -q email --label user=7 -o json | jq '.jobs[].id'

The newest first. All that is given has to hold. The exit code is 0, also where there is none; 1 when there is no such
queue; 3 when the gateway cannot be reached.)";

struct Arguments {
    GatewayArguments gateway;
    std::vector<std::string> jobs;
    std::string output, queue, limit, since, until;
    JobQuery query;
    int most = 50;
    bool follow = false;
};

int show_status(const Arguments& arguments, const Environment& environment) {
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    int code = 0;
    for (const std::string& id : arguments.jobs) {
        auto job = gateway->api->job(id);
        if (!job) {
            const int failed = complain(job.error());
            if (failed == 3) return failed;
            code = failed;
            continue;
        }
        // A job without a history is shown all the same.
        const auto history = gateway->api->history(id);
        if (!history && history.error().code != Error::Code::not_found) return complain(history.error());
        const Json entries = history ? list_of(*history, "history") : Json::array();
        if (arguments.output == "json") {
            (*job)["history"] = entries;
            print(*job);
        } else {
            const View view = view_of_stdout(environment);
            print(job_page(*job, entries, {.width = 100'000, .color = view.color, .now = view.now}),
                  {100'000, view.color, view.now});
        }
    }
    return code;
}

int watch(const Arguments& arguments, const Environment& environment) {
    Patience patience;
    if (!arguments.limit.empty()) {
        patience.limit = jobqueue::parse_duration(arguments.limit);
        if (!patience.limit || *patience.limit <= Duration{0})
            return complain({Error::Code::invalid, "--for must be a duration such as 5m, not " + arguments.limit});
    }
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    if (arguments.jobs.size() > 1)
        return wait_for_jobs(*gateway->api, arguments.jobs, Ids::as_typed, patience, environment);
    const TellEnd tell = arguments.output == "json" ? TellEnd::json : TellEnd::line;
    return wait_for_job(*gateway->api, arguments.jobs.front(), patience, tell, environment);
}

// The entries behind the last one that was printed.
std::size_t first_new(const Json& entries, const Json& last) {
    for (std::size_t i = entries.size(); i > 0; --i) {
        if (entries[i - 1] == last) return i;
    }
    return 0;
}

int show_logs(const Arguments& arguments, const Environment& environment) {
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    const std::string& id = arguments.jobs.front();
    const View view = view_of_stdout(environment);
    Json last;
    for (;;) {
        // Asked before the logs, so that the last lines of a job that ends meanwhile are read.
        const auto job = arguments.follow ? gateway->api->job(id) : Result<Json>(Json::object());
        if (!job) return complain(job.error());
        const auto logs = gateway->api->logs(id);
        if (!logs) return complain(logs.error());
        if (arguments.output == "json" && !arguments.follow) {
            print(*logs);
            return 0;
        }
        const Json& entries = list_of(*logs, "logs");
        for (std::size_t i = first_new(entries, last); i < entries.size(); ++i) {
            if (arguments.output == "json")
                std::cout << compact(entries[i]) << std::endl;
            else
                print(log_lines(entries[i]), {.width = 100'000, .color = view.color});
        }
        if (!entries.empty()) last = entries.back();
        if (!arguments.follow || has_ended(job_answer(*job))) return 0;
        std::this_thread::sleep_for(1s);
    }
}

Result<std::string> moment(const char* option, const std::string& text) {
    if (text.empty()) return std::string();
    const auto time = letters::parse_moment(text, now());
    if (time) return format_rfc3339(*time);
    return failure(
        Error::Code::invalid,
        std::string(option) + " must be a time such as 2026-03-01T12:00:00Z, or 2h for two hours ago, not " + text);
}

int list_jobs(Arguments& arguments, const Environment& environment) {
    const auto since = moment("--since", arguments.since), until = moment("--until", arguments.until);
    if (!since) return complain(since.error());
    if (!until) return complain(until.error());
    JobQuery query = arguments.query;
    query.from = *since;
    query.before = *until;
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    const auto queue = which_queue(*gateway, arguments.queue);
    if (!queue) return complain(queue.error());
    Json jobs = Json::array();
    bool more = true;
    while (more && jobs.size() < static_cast<std::size_t>(arguments.most)) {
        query.limit = std::min(arguments.most - static_cast<int>(jobs.size()), 1000);
        const auto page = gateway->api->jobs(*queue, query);
        if (!page) return complain(page.error());
        for (const Json& job : list_of(*page, "jobs")) jobs.push_back(job);
        query.cursor = text_of(*page, "cursor");
        more = !query.cursor.empty();
    }
    if (arguments.output == "json") {
        print(Json{{"queue", *queue}, {"jobs", jobs}, {"more", more}});
        return 0;
    }
    std::vector<JobAnswer> rows;
    for (const Json& job : jobs) rows.push_back(job_answer(job));
    if (arguments.output == "id") {
        for (const JobAnswer& job : rows) std::cout << one_line(job.id) << '\n';
        return 0;
    }
    const View view = view_of_stdout(environment);
    if (rows.empty())
        std::cerr << "no such jobs of " << *queue << '\n';
    else
        print(job_lines(rows, view), view);
    if (more) std::cerr << "there are more: --limit " << arguments.most * 10 << '\n';
    return 0;
}

}  // namespace

void add_job_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    const auto add = [&](const char* name, const char* description, const char* footer,
                         int (*run)(Arguments&, const Environment&)) {
        CLI::App* command = app.add_subcommand(name, description);
        const auto arguments = std::make_shared<Arguments>();
        add_gateway_options(*command, arguments->gateway);
        command->footer(footer);
        command->callback([&chosen, arguments, run, &environment] {
            chosen = [arguments, run, &environment] { return run(*arguments, environment); };
        });
        return std::pair(command, arguments);
    };
    const auto jobs_of = [](CLI::App& command, Arguments& to) {
        return command.add_option("JOB", to.jobs, "Ids of jobs")->required();
    };
    {
        const auto [command, to] = add("status", "Where a job stands, and how it got there", status_footer,
                                       [](Arguments& a, const Environment& e) { return show_status(a, e); });
        jobs_of(*command, *to);
        add_output_option(*command, to->output);
    }
    {
        const auto [command, to] = add("watch", "Follow jobs until they end, with a progress bar", watch_footer,
                                       [](Arguments& a, const Environment& e) { return watch(a, e); });
        jobs_of(*command, *to);
        add_output_option(*command, to->output);
        command->add_option("--for", to->limit, "At most so long, e.g. 5m");
    }
    {
        const auto [command, to] = add("logs", "What the worker logged about a job", logs_footer,
                                       [](Arguments& a, const Environment& e) { return show_logs(a, e); });
        jobs_of(*command, *to)->expected(1);
        add_output_option(*command, to->output);
        command->add_flag("--follow", to->follow, "Until the job ends");
    }
    const auto [command, to] = add("jobs", "The jobs of a queue, by state, type, error, label, text or payload",
                                   jobs_footer, [](Arguments& a, const Environment& e) { return list_jobs(a, e); });
    add_queue_option(*command, to->queue);
    add_namespace_option(*command, to->gateway);
    JobQuery& query = to->query;
    command->add_option("--state", query.state,
                        "waiting, delayed, active, retrying, completed, failed, cancelled; several by commas");
    command->add_option("--type", query.type, "Only of this type");
    command->add_option("--error", query.error, "Only of this error class");
    command->add_option("--label", query.label, "Only with this label: NAME=VALUE, or NAME");
    command->add_option("--text", query.text, "Only with this in its id, type, error or labels");
    command->add_option("--payload", query.payload, "Only with this in its payload");
    command->add_option("--since", to->since, "Submitted at or after this time, or so long ago: 2h");
    command->add_option("--until", to->until, "Submitted before this time");
    command->add_option("--limit", to->most, "At most so many")->check(CLI::Range(1, 1'000'000))->capture_default_str();
    to->output = "text";
    command->add_option("-o,--output", to->output, "text, json or id")
        ->check(CLI::IsMember({"text", "json", "id"}))
        ->capture_default_str();
}

}  // namespace drover::cli
