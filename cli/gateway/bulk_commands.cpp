// drover bulk and retry: many jobs at once, or one, again, cancelled, deleted.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/gateway/bulk_operation.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/waiting.h"
#include "cli/queue_options.h"
#include "cli/read_file.h"

namespace drover::cli {
namespace {

constexpr const char* bulk_footer = R"(Examples:
  drover bulk retry -q email --state failed --error Http503 --dry-run
  drover bulk retry -q email --state failed --error Http503 --rate 20/s --wait
  drover bulk cancel -q email --state waiting --label list=spring --reason 'sent to the wrong list'
  drover bulk list -q email
  drover bulk abort -q email OPERATION

The gateway does it, also when this command ends. All that is given of a filter has to hold; --dry-run tells how many
jobs that are, and some of them.

The exit code is 0 when it is started, and with --wait when every job is done; 1 when some were not, when it was
aborted, or when no job is meant; 2 when something about the input is wrong; 3 when the gateway cannot be reached.)";

constexpr const char* retry_footer = R"(Examples:
  drover retry 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover retry JOB --patch '[{"op": "replace", "path": "/to", "value": "ada@example.org"}]' --wait

A failed job goes to its queue again, as its next run, with all its attempts.

The exit code is 0 when it is there, and with --wait when it completed; 1 when there is no such job, it has not failed,
or failed again; 2 when something about the input is wrong; 3 when the gateway cannot be reached.)";

struct Arguments {
    GatewayArguments gateway;
    std::string queue, output, id;
    std::vector<std::string> jobs;
    BulkOrder order;
    bool wait = false;
};

Result<void> read_patch(std::string& edit) {
    if (!edit.starts_with('@')) return {};
    Result<std::string> text = read_file(edit.substr(1));
    if (!text)
        return failure(Error::Code::invalid, "--patch: cannot read " + edit.substr(1) + ": " + text.error().message);
    edit = std::move(*text);
    return {};
}

int start(Arguments& arguments, const Environment& environment) {
    if (const auto read = read_patch(arguments.order.edit); !read) return complain(read.error());
    const auto request = bulk_request(arguments.order, now());
    if (!request) return complain(request.error());
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        return run_bulk(api, queue, *request, arguments.wait, arguments.output, environment);
    });
}

int list(const Arguments& arguments, const Environment& environment) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        const auto answer = api.bulk_operations(queue);
        if (!answer) return complain(answer.error());
        if (arguments.output == "json") {
            print(*answer);
            return 0;
        }
        std::vector<OperationAnswer> operations;
        for (const Json& each : list_of(*answer, "operations")) operations.push_back(operation_answer(each));
        const View view = view_of_stdout(environment);
        if (operations.empty())
            std::cerr << "no bulk operations of " << queue << '\n';
        else
            print(operation_lines(operations, view), view);
        return 0;
    });
}

int tell(const Result<Json>& answer, const Arguments& arguments, const Environment& environment) {
    if (!answer) return complain(answer.error());
    const View view = view_of_stdout(environment);
    if (arguments.output == "json")
        print(*answer);
    else
        print(operation_lines({operation_answer(*answer)}, view), view);
    return 0;
}

int show(const Arguments& arguments, const Environment& environment) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        if (arguments.wait) return follow_operation(api, queue, arguments.id, arguments.output, environment);
        return tell(api.bulk_operation(queue, arguments.id), arguments, environment);
    });
}

int abort(const Arguments& arguments, const Environment& environment) {
    return with_queue(arguments.gateway, arguments.queue, environment, [&](GatewayApi& api, const std::string& queue) {
        return tell(api.abort_bulk(queue, arguments.id), arguments, environment);
    });
}

int retry(Arguments& arguments, const Environment& environment) {
    Json request = Json::object();
    if (!arguments.order.reason.empty()) request["reason"] = arguments.order.reason;
    if (const auto read = read_patch(arguments.order.edit); !read) return complain(read.error());
    if (!arguments.order.edit.empty()) {
        auto edit = patch_of(arguments.order.edit);
        if (!edit) return complain({Error::Code::invalid, "--patch: " + edit.error().message});
        request["edit"] = std::move(*edit);
    }
    const auto gateway = open_gateway(arguments.gateway, environment);
    if (!gateway) return complain(gateway.error());
    int code = 0;
    std::vector<std::pair<std::string, int>> runs;
    for (const std::string& id : arguments.jobs) {
        const auto answer = gateway->api->retry(id, request);
        if (!answer) {
            code = complain(answer.error());
            if (code == 3) return code;
            continue;
        }
        runs.emplace_back(id, static_cast<int>(integer_of(*answer, "run").value_or(0)));
        if (arguments.output == "json")
            print(*answer);
        else
            std::cout << one_line(id) << " is " << one_line(text_of(*answer, "state")) << " again, as run "
                      << runs.back().second << std::endl;
    }
    if (!arguments.wait) return code;
    for (const auto& [id, run] : runs) {
        const TellEnd tell = arguments.output == "json" ? TellEnd::json : TellEnd::line;
        const int ended = wait_for_job(*gateway->api, id, {.run = run}, tell, environment);
        if (ended != 0) code = ended;
    }
    return code;
}

void add_filter(CLI::App& command, BulkFilter& to) {
    command.add_option("--state", to.state, "Only in this state; several by commas");
    command.add_option("--type", to.type, "Only of this type");
    command.add_option("--error", to.error, "Only of this error class");
    command.add_option("--label", to.label, "Only with this label: NAME=VALUE, or NAME");
    command.add_option("--text", to.text, "Only with this in its id, type, error or labels");
    command.add_option("--id", to.ids, "Only this job; several are possible")->allow_extra_args(false);
    command.add_option("--since", to.since, "Only what was submitted at or after this time, or so long ago: 2h");
    command.add_option("--until", to.until, "Only what was submitted before this time");
    command.add_option("--ended-before", to.ended_before, "Only what ended before this time, or longer ago: 24h");
    command.add_flag("--all", to.all, "All of the queue, where there is no filter");
}

void add_patch_option(CLI::App& command, std::string& edit) {
    command.add_option("--patch", edit, "A JSON patch (RFC 6902) of the payload, or @FILE");
}

}  // namespace

void add_bulk_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    using Run = int (*)(Arguments&, const Environment&);
    const auto add = [&](CLI::App& to, const char* name, const char* description, Run run) {
        CLI::App* command = to.add_subcommand(name, description);
        const auto arguments = std::make_shared<Arguments>();
        add_gateway_options(*command, arguments->gateway);
        add_output_option(*command, arguments->output);
        command->callback([&chosen, arguments, run, &environment] {
            chosen = [arguments, run, &environment] { return run(*arguments, environment); };
        });
        return std::pair(command, arguments);
    };
    CLI::App* bulk = app.add_subcommand("bulk", "Retry, cancel or delete many jobs; see how far that is");
    bulk->require_subcommand(1);
    bulk->footer(bulk_footer);
    const auto add_to_bulk = [&](const char* name, const char* description, Run run) {
        const auto [command, arguments] = add(*bulk, name, description, run);
        command->footer(bulk_footer);
        add_queue_option(*command, arguments->queue);
        add_namespace_option(*command, arguments->gateway);
        return std::pair(command, arguments);
    };
    for (const auto& [name, description] :
         {std::pair("retry", "Put failed jobs into the queue again"),
          std::pair("cancel", "Cancel jobs that have not ended"), std::pair("delete", "Forget jobs that have ended")}) {
        const auto [command, arguments] = add_to_bulk(name, description, start);
        arguments->order.action = name;
        add_filter(*command, arguments->order.filter);
        command->add_flag("--dry-run", arguments->order.dry_run, "Only tell what would happen");
        command->add_option("--rate", arguments->order.rate, "At most so many jobs: 50/s, 10/m, 1/h");
        command->add_option("--reason", arguments->order.reason, "Why, for those who wonder");
        command->add_flag("--wait", arguments->wait, "Until it has ended, and say how far it is");
        if (arguments->order.action == "retry") add_patch_option(*command, arguments->order.edit);
    }
    add_to_bulk("list", "The operations of a queue, newest first",
                [](Arguments& a, const Environment& e) { return list(a, e); });
    {
        const auto [command, arguments] = add_to_bulk("show", "How far an operation is",
                                                      [](Arguments& a, const Environment& e) { return show(a, e); });
        command->add_option("OPERATION", arguments->id, "Its id")->required();
        command->add_flag("--wait", arguments->wait, "Until it has ended");
    }
    {
        const auto [command, arguments] = add_to_bulk("abort", "Stop an operation; what it has done stays done",
                                                      [](Arguments& a, const Environment& e) { return abort(a, e); });
        command->add_option("OPERATION", arguments->id, "Its id")->required();
    }
    const auto [command, arguments] = add(app, "retry", "Put a failed job into its queue again", retry);
    command->add_option("JOB", arguments->jobs, "Ids of jobs")->required();
    add_patch_option(*command, arguments->order.edit);
    command->add_option("--reason", arguments->order.reason, "Why, for those who wonder");
    command->add_flag("--wait", arguments->wait, "Until it ends again");
    command->footer(retry_footer);
}

}  // namespace drover::cli
