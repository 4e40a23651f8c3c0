#include <iostream>
#include <memory>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/dead_letter_groups.h"
#include "cli/dead_letter_view.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/through_gateway.h"
#include "cli/queue_options.h"
#include "cli/queue_records.h"
#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

constexpr const char* list_footer = R"(Examples:
  drover dead list -f queues.yaml -q email
  drover dead list -q shop.email --kafka kafka:9092 -o json | jq '.groups[] | {error, count}'

Through a gateway, which groups the failed jobs that there are now, unless -f, --kafka, --topic or -X say: the dead
letters in Kafka. Errors of one class whose messages differ only in numbers, addresses, paths and quoted texts are one
group. Of Kafka's dead letters OPEN are those that were not redriven.

The exit code is 0, also when there is none; 1 when there is no such queue, or its topics are missing; 2 when something
about the input is wrong; 3 when gateway or Kafka cannot be reached.)";

constexpr const char* show_footer = R"(Examples:
  drover dead show -q email 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11
  drover dead show -q email default.email-3-42 -o json | jq -r .payload > payload.json

Where a job died several times, once after each redrive, this is its last run, unless --run says otherwise. In JSON a
payload, key or header that is not text is base64, under the name payloadBase64, keyBase64 or valueBase64.

Through a gateway, which needs no queue, unless -f, --kafka, --topic or -X say: the dead letter in Kafka.

The exit code is 0; 1 when there is no such dead letter, or the queue's topics are missing; 2 when something about the
input is wrong; 3 when gateway or Kafka cannot be reached.)";

struct Arguments {
    QueueArguments queue;
    GatewayArguments gateway;
    std::string output = "text", job;
    std::optional<int> run;
};

void print(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) std::cout << line << '\n';
}

// A queue of an older version has no control topic, and so no letter that was redriven.
Result<letters::ControlLog> marks_of(const QueueTarget& target, kafka::Admin& admin) {
    auto control = read_control(target, admin, now());
    if (!control && control.error().code == Error::Code::not_found)
        return letters::ControlLog(target.topics.dead_letters);
    return control;
}

int list(const Arguments& arguments, const Environment& environment) {
    const auto way = way_of(arguments.queue, arguments.gateway);
    if (!way) return complain(way.error());
    if (*way == Way::gateway)
        return list_dead_through_gateway({arguments.gateway, arguments.queue.queue, environment}, arguments.output);
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    const auto admin = reach(*target, {target->topics.main, target->topics.dead_letters});
    if (!admin) return complain(admin.error());
    const auto control = marks_of(*target, **admin);
    if (!control) return complain(control.error());
    DeadLetterGroups groups;
    const auto read = read_dead_letters(
        *target, **admin, nullptr, [&](const letters::LetterRecord&, const letters::DeadLetter& letter) {
            groups.add(letter, control->redriven({letter.partition, letter.offset}) != nullptr);
        });
    if (!read) return complain(read.error());
    const Terminal terminal = terminal_at(STDOUT_FILENO, environment);
    if (arguments.output == "json")
        std::cout << to_json(groups, target->name) << '\n';
    else
        print(render_groups(groups, target->name, terminal.width, terminal.color));
    return 0;
}

std::optional<std::string> copy_of(std::optional<std::string_view> bytes) {
    return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
}

WholeLetter whole(const letters::LetterRecord& record, const letters::DeadLetter& letter) {
    WholeLetter all{.letter = letter,
                    .topic = std::string(record.topic),
                    .redriven = std::nullopt,
                    .key = copy_of(record.key),
                    .value = copy_of(record.value),
                    .headers = {}};
    for (const FieldView& field : record.fields)
        all.headers.push_back({std::string(field.name), std::string(field.value)});
    return all;
}

int show(const Arguments& arguments, const Environment& environment) {
    const auto way = way_of(arguments.queue, arguments.gateway);
    if (!way) return complain(way.error());
    if (*way == Way::gateway) {
        if (arguments.run)
            return complain({Error::Code::invalid, "--run is for Kafka's dead letters: give --kafka or -f too"});
        return show_dead_through_gateway({arguments.gateway, arguments.queue.queue, environment}, arguments.job,
                                         arguments.output);
    }
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    const auto admin = reach(*target, {target->topics.main, target->topics.dead_letters});
    if (!admin) return complain(admin.error());
    const auto control = marks_of(*target, **admin);
    if (!control) return complain(control.error());

    std::optional<WholeLetter> last;
    std::string runs;
    const auto read = read_dead_letters(
        *target, **admin, nullptr, [&](const letters::LetterRecord& record, const letters::DeadLetter& letter) {
            if (letter.job_id != arguments.job) return;
            runs += (runs.empty() ? "" : ", ") + std::to_string(letter.run);
            if (arguments.run && letter.run != *arguments.run) return;
            const auto order = [](const letters::DeadLetter& each) { return std::pair(each.run, each.failed_at); };
            if (!last || order(last->letter) <= order(letter)) last = whole(record, letter);
        });
    if (!read) return complain(read.error());
    if (!last) {
        const std::string id = one_line(arguments.job);
        if (!runs.empty())
            return complain({Error::Code::not_found, "job " + id + " has dead letters of these runs only: " + runs});
        return complain({Error::Code::not_found, "there is no dead letter of job " + id + " in " +
                                                     target->topics.dead_letters +
                                                     "; 'drover dead list' gives examples of those that there are"});
    }
    if (const letters::RedrivenMark* mark = control->redriven({last->letter.partition, last->letter.offset}))
        last->redriven = *mark;
    const Terminal terminal = terminal_at(STDOUT_FILENO, environment);
    if (arguments.output == "json")
        std::cout << to_json(*last) << '\n';
    else
        print(render_letter(*last, terminal.width, terminal.color));
    if (runs.find(',') != std::string::npos)
        std::cerr << "drover: the job has several dead letters, of the runs " << runs << "; --run chooses\n";
    return 0;
}

}  // namespace

void add_dead_commands(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* dead = app.add_subcommand("dead", "Dead letters: list, show, redrive");
    dead->require_subcommand(1);
    const auto add = [&](const char* name, const char* description, const char* footer,
                         int (*run)(Arguments&, const Environment&)) {
        CLI::App* command = dead->add_subcommand(name, description);
        const auto arguments = std::make_shared<Arguments>();
        add_queue_options(*command, arguments->queue);
        add_gateway_options(*command, arguments->gateway);
        command->add_option("-o,--output", arguments->output, "text or json")
            ->check(CLI::IsMember({"text", "json"}))
            ->capture_default_str();
        command->footer(footer);
        command->callback([&chosen, arguments, run, &environment] {
            chosen = [arguments, run, &environment] {
                arguments->gateway.ns = arguments->queue.ns;
                return run(*arguments, environment);
            };
        });
        return std::pair(command, arguments);
    };
    add("list", "What went wrong, and how often", list_footer,
        [](Arguments& a, const Environment& e) { return list(a, e); });
    const auto [show_command, to] = add("show", "All about one dead letter", show_footer,
                                        [](Arguments& a, const Environment& e) { return show(a, e); });
    show_command->add_option("JOB", to->job, "The id of a job")->required();
    show_command->add_option("--run", to->run, "Of which run, where there are several")->check(CLI::NonNegativeNumber);
    add_redrive_command(*dead, chosen, environment);
}

}  // namespace drover::cli
