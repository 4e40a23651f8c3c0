// drover explain: why is this job not running, why is this queue at this scale.
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/gateway/explain.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/queue_options.h"

namespace drover::cli {
namespace {

constexpr int jobs_counted = 1000, entries_looked_at = 1000;

constexpr const char* footer = R"(Examples:
  drover explain job 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover explain queue email

The exit code is 0; 1 when there is no such job or queue; 3 when the gateway cannot be reached.)";

struct Arguments {
    GatewayArguments gateway;
    std::string name, output;
};

// What an older gateway has not, or a token may not see, is left out; that the gateway is away is told.
template <class T>
Result<std::optional<T>> where_there(Result<T> answer) {
    if (answer) return std::optional<T>(std::move(*answer));
    const Error::Code code = answer.error().code;
    if (code == Error::Code::unavailable || code == Error::Code::timeout) return tl::unexpected(answer.error());
    return std::nullopt;
}

Result<std::optional<std::vector<Json>>> workers_of(GatewayApi& api, const std::string& queue) {
    const auto answer = where_there(api.workers(queue));
    if (!answer) return tl::unexpected(answer.error());
    if (!*answer) return std::nullopt;
    const Json& list = list_of(**answer, "workers");
    return std::vector<Json>(list.begin(), list.end());
}

Result<void> count_before(GatewayApi& api, const JobAnswer& job, JobFacts& facts) {
    if (!job.submitted_at) return {};
    const auto page = where_there(
        api.jobs(job.queue, {.state = "waiting", .before = format_rfc3339(*job.submitted_at), .limit = jobs_counted}));
    if (!page) return tl::unexpected(page.error());
    if (!*page) return {};
    facts.before = static_cast<std::int64_t>(list_of(**page, "jobs").size());
    facts.before_is_least = !text_of(**page, "cursor").empty();
    return {};
}

Result<void> find_cancel(GatewayApi& api, const JobAnswer& job, JobFacts& facts) {
    const auto audit = where_there(api.audit(entries_looked_at));
    if (!audit) return tl::unexpected(audit.error());
    if (!*audit) return {};
    for (const Json& entry : list_of(**audit, "entries")) {
        if (text_of(entry, "job") == job.id && text_of(entry, "action").find("/cancel") != std::string::npos) {
            facts.cancel = entry;
            return {};
        }
    }
    return {};
}

Result<Explanation> about_job(GatewayApi& api, const std::string& id) {
    auto job = api.job(id);
    if (!job) return tl::unexpected(job.error());
    JobFacts facts{.job = std::move(*job)};
    const JobAnswer answer = job_answer(facts.job);
    if (!has_ended(answer)) {
        auto queue = where_there(api.queue(answer.queue));
        if (!queue) return tl::unexpected(queue.error());
        facts.queue = std::move(*queue);
    }
    if (answer.state == "waiting") {
        auto workers = workers_of(api, answer.queue);
        if (!workers) return tl::unexpected(workers.error());
        facts.workers = std::move(*workers);
        if (auto counted = count_before(api, answer, facts); !counted) return tl::unexpected(counted.error());
    }
    if (answer.state == "cancelled") {
        if (auto found = find_cancel(api, answer, facts); !found) return tl::unexpected(found.error());
    }
    return explain_job(facts, now());
}

Result<Explanation> about_queue(GatewayApi& api, const std::string& name) {
    auto queue = api.queue(name);
    if (!queue) return tl::unexpected(queue.error());
    QueueFacts facts{.queue = std::move(*queue)};
    auto lag = where_there(api.lag(name, "5m"));
    if (!lag) return tl::unexpected(lag.error());
    facts.lag = std::move(*lag);
    auto workers = workers_of(api, name);
    if (!workers) return tl::unexpected(workers.error());
    facts.workers = std::move(*workers);
    const auto errors = where_there(api.errors(name, ""));
    if (!errors) return tl::unexpected(errors.error());
    if (*errors) {
        for (const Json& each : list_of(**errors, "groups")) facts.errors.push_back(error_group_answer(each));
    }
    return explain_queue(facts, now());
}

int explain(const Arguments& arguments, bool is_job, const Environment& environment) {
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    const auto explanation = is_job ? about_job(*gateway->api, arguments.name)
                                    : about_queue(*gateway->api, queue_named(arguments.name, gateway->ns));
    if (!explanation) return complain(explanation.error());
    View view = view_of_stdout(environment);
    view.width = 100'000;
    if (arguments.output == "json")
        print(json_of(*explanation));
    else
        print(lines_of(*explanation), view);
    return 0;
}

}  // namespace

void add_explain_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* group = app.add_subcommand("explain", "Why a job is not running, why a queue is at its scale");
    group->require_subcommand(1);
    group->footer(footer);
    for (const bool is_job : {true, false}) {
        CLI::App* command =
            group->add_subcommand(is_job ? "job" : "queue", is_job ? "Why it waits, is tried again, or has ended"
                                                                   : "Load, scaling, pauses, errors");
        const auto arguments = std::make_shared<Arguments>();
        command->add_option(is_job ? "JOB" : "QUEUE", arguments->name, is_job ? "Its id" : "Its name")->required();
        if (!is_job) add_namespace_option(*command, arguments->gateway);
        add_gateway_options(*command, arguments->gateway);
        add_output_option(*command, arguments->output);
        command->footer(footer);
        command->callback([&chosen, arguments, is_job, &environment] {
            chosen = [arguments, is_job, &environment] { return explain(*arguments, is_job, environment); };
        });
    }
}

}  // namespace drover::cli
