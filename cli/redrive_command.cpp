#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/figures.h"
#include "cli/gateway/gateway_options.h"
#include "cli/gateway/printing.h"
#include "cli/gateway/through_gateway.h"
#include "cli/queue_options.h"
#include "cli/queue_records.h"
#include "cli/redriver.h"
#include "cli/terminal_text.h"
#include "src/jobqueue/priorities.h"

namespace drover::cli {
namespace {

constexpr const char* footer = R"(Examples:
  drover dead redrive -q email --error Http503 --dry-run
  drover dead redrive -q email --error Http503 --since 2h --rate 20/s
  drover dead redrive -f queues.yaml -q email --id 0199c5a2-7c1e-7b5e-9d0a-3f1f6c1f0a11 \
      --patch '[{"op": "replace", "path": "/to", "value": "ada@example.org"}]'

Through a gateway, as a bulk retry of its failed jobs that is followed until it ends (--detach: that is only started),
unless -f, --kafka, --topic or -X say: what follows, over Kafka, dead letter by dead letter.

Without a filter all dead letters of the queue are redriven, but for those that were redriven before: the queue's
control topic says which. Each job comes again to the topic it came from (the queue's, or a lane's), as its next run,
with all its attempts; the dead letter stays where it is. Those that failed first are taken first where --limit takes
only some. A letter whose payload was too large for the dead-letter topic, is not JSON where a patch is asked for, or
does not fit the patch, is told and skipped. Ctrl-C stops between two jobs; the same command goes on where it stopped.

The exit code is
  0    every letter that was asked for has been redriven, now or before (with --dry-run: would be)
  1    some letters were skipped, not found or refused, and told, and the others have been redriven; or no letter was
       asked for, or the queue's topics are missing
  2    something about the input is wrong; nothing has been redriven
  3    gateway or Kafka cannot be reached
  130  stopped by Ctrl-C)";

constexpr int stopped_code = 130, skipped_code = 1;

struct Arguments {
    QueueArguments queue;
    GatewayArguments gateway;
    letters::DeadLetterFilter filter;
    std::string since, until, rate, patch, by, reason;
    std::optional<std::int64_t> limit;
    bool dry_run = false, detach = false;
};

volatile std::sig_atomic_t interrupted = 0;
void interrupt(int) { interrupted = 1; }
bool stopped() { return interrupted != 0; }

// The first Ctrl-C asks, the second one ends the process as ever.
void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = interrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

Error wrong(const std::string& message) { return {Error::Code::invalid, message}; }

// The text, or that of the file behind an @.
Result<std::string> patch_text(const std::string& patch) {
    if (!patch.starts_with('@')) return patch;
    std::ifstream file(patch.substr(1));
    if (!file) return tl::unexpected(wrong("--patch: cannot read " + patch.substr(1)));
    return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::optional<letters::PayloadEdit>> edit_of(const std::string& patch) {
    if (patch.empty()) return std::nullopt;
    const auto text = patch_text(patch);
    if (!text) return tl::unexpected(text.error());
    auto edit = letters::PayloadEdit::parse(*text);
    if (!edit) return tl::unexpected(wrong("--patch: " + edit.error().message));
    return *edit;
}

Result<std::optional<Time>> moment_of(const char* option, const std::string& text) {
    if (text.empty()) return std::nullopt;
    const auto moment = letters::parse_moment(text, now());
    if (!moment)
        return tl::unexpected(wrong(std::string(option) +
                                    " must be a time such as 2026-03-01T12:00:00Z, or 2h for two hours ago, not " +
                                    text));
    return moment;
}

// Of what the file names, or of all there could be, the lanes whose topics are there. The first is the main topic.
Result<std::vector<jobqueue::LaneTopic>> lanes_of(const QueueTarget& target, kafka::Admin& admin) {
    jobqueue::JobQueue queue;
    queue.kafka.topic = target.topics.main;
    queue.priorities.assign(jobqueue::lanes.begin(), jobqueue::lanes.end());
    std::vector<jobqueue::LaneTopic> lanes{{std::string(jobqueue::normal_lane), target.topics.main}};
    std::vector<std::string> topics;
    const auto possible = target.queue ? target.topics.lanes : jobqueue::topics_of(queue).lanes;
    for (const auto& lane : possible) topics.push_back(lane.topic);
    const auto found = admin.topics(topics);
    if (!found) return tl::unexpected(found.error());
    for (const auto& lane : possible)
        if (lane.topic != target.topics.main && found->contains(lane.topic)) lanes.push_back(lane);
    return lanes;
}

// What a look at all dead letters found.
struct Found {
    letters::RedriveChoice choice;
    std::int64_t letters = 0;  // in the topic
    std::int64_t skipped = 0, redriven_before = 0;
    std::set<std::string> unknown;  // ids that were asked for and have no dead letter
};

Result<Found> look(const QueueTarget& target, kafka::Admin& admin, const letters::RedriveRequest& request,
                   const letters::ControlLog& control, std::optional<std::int64_t> limit) {
    Found found;
    found.unknown.insert(request.filter.jobs.begin(), request.filter.jobs.end());
    std::vector<letters::RedriveCandidate> candidates;
    std::set<letters::JobRun> redriven_job_runs;
    const auto read = read_dead_letters(
        target, admin, stopped, [&](const letters::LetterRecord& record, const letters::DeadLetter& letter) {
            ++found.letters;
            found.unknown.erase(letter.job_id);
            const letters::LetterPlace place{letter.partition, letter.offset};
            const letters::RedrivenMark* mark = control.redriven(place);
            if (mark != nullptr) redriven_job_runs.insert(letters::job_run_of(letter));
            const letters::RedriveDecision decision = letters::decide_redrive(record, letter, request, mark, now());
            if (std::holds_alternative<letters::RedrivenJob>(decision)) {
                candidates.push_back({place, letters::job_run_of(letter), letter.failed_at});
            } else if (const auto* refused = std::get_if<letters::Refused>(&decision)) {
                ++found.skipped;
                std::cerr << "drover: skipped " << one_line(letter.job_id) << ": " << one_line(refused->reason) << '\n';
            } else if (std::get<letters::NotRedriven>(decision) == letters::NotRedriven::redriven_before) {
                ++found.redriven_before;
            }
        });
    if (!read) return tl::unexpected(read.error());
    if (!stopped()) {
        for (const std::string& id : found.unknown)
            std::cerr << "drover: there is no dead letter of job " << one_line(id) << '\n';
    }
    found.choice = choose(std::move(candidates), redriven_job_runs, limit);
    return found;
}

void tell_what_would_happen(const letters::LetterRecord& record, const letters::DeadLetter& letter,
                            const letters::RedrivenJob& job) {
    std::cout << one_line(letter.job_id) << "  " << one_line(letter.error_class) << "  ->  " << job.topic << ", run "
              << job.run << '\n';
    if (!job.edited) return;
    std::cout << "    - " << cut_end(one_line(record.value.value_or(std::string_view())), 1000) << '\n'
              << "    + " << cut_end(one_line(*job.edited), 1000) << '\n';
}

std::string before_text(std::int64_t count) {
    return with_thousands(count) + (count == 1 ? " letter was" : " letters were") + " redriven before";
}

std::string jobs_text(std::int64_t count) { return with_thousands(count) + (count == 1 ? " job" : " jobs"); }

int tell_outcome(const LetterSender::Outcome& outcome, const Found& found, const QueueTarget& target) {
    for (const auto& [id, error] : outcome.too_large)
        std::cerr << "drover: skipped " << one_line(id) << ": " << one_line(error.message) << '\n';
    std::cout << jobs_text(outcome.jobs) << " of " << with_thousands(found.choice.jobs()) << " redriven to "
              << target.name;
    const std::int64_t before = found.redriven_before + outcome.meanwhile;
    if (before > 0) std::cout << "; " << before_text(before);
    const auto skipped = found.skipped + static_cast<std::int64_t>(outcome.too_large.size());
    if (skipped > 0) std::cout << "; " << with_thousands(skipped) << " skipped";
    std::cout << '\n';
    if (outcome.first_error) {
        std::cerr << "drover: " << one_line(outcome.first_error->message) << '\n';
        std::cerr << "drover: the same command goes on where this one stopped\n";
        return 1;
    }
    if (stopped() && outcome.jobs < found.choice.jobs()) {
        std::cerr << "drover: stopped; the same command goes on with the others\n";
        return stopped_code;
    }
    return skipped > 0 || !found.unknown.empty() ? skipped_code : 0;
}

int redrive_by_bulk(const Arguments& arguments, const Environment& environment) {
    if (arguments.limit) return complain(wrong("--limit is for Kafka: give --kafka or -f too"));
    if (arguments.filter.errors.size() > 1)
        return complain(
            wrong("a gateway redrives one --error at a time; over Kafka (--kafka or -f) several are possible"));
    auto patch = patch_text(arguments.patch);
    if (!patch) return complain(patch.error());
    const BulkOrder order{.action = "retry",
                          .filter = {.state = "failed",
                                     .type = arguments.filter.type,
                                     .error = arguments.filter.errors.empty() ? "" : arguments.filter.errors.front(),
                                     .since = arguments.since,
                                     .until = arguments.until,
                                     .ids = {arguments.filter.jobs.begin(), arguments.filter.jobs.end()}},
                          .rate = arguments.rate,
                          .edit = std::move(*patch),
                          .reason = arguments.reason,
                          .dry_run = arguments.dry_run};
    return redrive_through_gateway({arguments.gateway, arguments.queue.queue, environment}, order, !arguments.detach);
}

int redrive(Arguments& arguments, const Environment& environment) {
    const auto way = way_of(arguments.queue, arguments.gateway);
    if (!way) return complain(way.error());
    if (*way == Way::gateway) {
        arguments.gateway.ns = arguments.queue.ns;
        return redrive_by_bulk(arguments, environment);
    }
    if (arguments.detach || !arguments.reason.empty())
        return complain(wrong("--detach and --reason need a gateway, and this goes straight to Kafka"));
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    letters::RedriveRequest request{.filter = arguments.filter};
    const auto since = moment_of("--since", arguments.since), until = moment_of("--until", arguments.until);
    if (!since) return complain(since.error());
    if (!until) return complain(until.error());
    if (*since && *until && *since >= *until) return complain(wrong("--since must be before --until"));
    request.filter.since = *since;
    request.filter.until = *until;
    auto edit = edit_of(arguments.patch);
    if (!edit) return complain(edit.error());
    request.edit = std::move(*edit);
    const auto rate = letters::parse_rate(arguments.rate);
    if (!rate && !arguments.rate.empty())
        return complain(wrong("--rate must be a number of jobs such as 50/s, 10/m or 1/h, not " + arguments.rate));
    if (target->queue) request.max_payload = target->queue->delivery.max_payload;

    catch_interrupts();
    const auto& topics = target->topics;
    const auto admin = reach(*target, {topics.main, topics.dead_letters, topics.control});
    if (!admin) return complain(admin.error());
    auto lanes = lanes_of(*target, **admin);
    if (!lanes) return complain(lanes.error());
    request.lanes = std::move(*lanes);
    const auto control = read_control(*target, **admin, now());
    if (!control) return complain(control.error());
    const auto found = look(*target, **admin, request, *control, arguments.limit);
    if (!found) return complain(found.error());
    if (stopped()) {
        std::cerr << "drover: stopped before anything was redriven\n";
        return stopped_code;
    }
    if (found->choice.letters.empty() && found->skipped == 0 && found->redriven_before == 0)
        return complain({Error::Code::not_found,
                         found->letters == 0
                             ? topics.dead_letters + " holds no dead letter"
                             : "of the " + with_thousands(found->letters) + " dead letters of " + target->name +
                                   " none is what was asked for; 'drover dead list' tells what there is"});

    std::unique_ptr<LetterSender> sender;
    if (!arguments.dry_run && !found->choice.letters.empty()) {
        auto made = LetterSender::create(
            target->kafka,
            {.queue = {.dead_letters = topics.dead_letters, .control = topics.control, .group = target->group},
             .by = arguments.by,
             .per_second = rate,
             .stopped = stopped,
             .progress = [&](std::int64_t jobs) {
                 std::cerr << "drover: " << with_thousands(jobs) << " of " << jobs_text(found->choice.jobs()) << '\n';
             }});
        if (!made) return complain(made.error());
        sender = std::move(*made);
    }
    bool go_on = true;
    const auto read = read_dead_letters(
        *target, **admin, [&] { return !go_on || stopped(); },
        [&](const letters::LetterRecord& record, const letters::DeadLetter& letter) {
            if (!go_on || !found->choice.takes({letter.partition, letter.offset})) return;
            const letters::RedriveDecision decision = letters::decide_redrive(record, letter, request, nullptr, now());
            const auto* job = std::get_if<letters::RedrivenJob>(&decision);
            if (job == nullptr) return;
            if (sender == nullptr) return tell_what_would_happen(record, letter, *job);
            const auto others = found->choice.others.find(letters::job_run_of(letter));
            go_on = sender->send(
                record, *job,
                others == found->choice.others.end() ? std::vector<letters::LetterPlace>() : others->second);
        });
    if (arguments.dry_run) {
        if (!read) return complain(read.error());
        std::cout << jobs_text(found->choice.jobs()) << " would be redriven; " << before_text(found->redriven_before)
                  << ", " << with_thousands(found->skipped) << " would be skipped\n";
        return found->skipped > 0 || !found->unknown.empty() ? skipped_code : 0;
    }
    const int code = tell_outcome(sender ? sender->finish() : LetterSender::Outcome{}, *found, *target);
    return read ? code : complain(read.error());
}

}  // namespace

void add_redrive_command(CLI::App& dead, Chosen& chosen, const Environment& environment) {
    CLI::App* command = dead.add_subcommand("redrive", "Put dead letters' jobs into the queue again");
    const auto arguments = std::make_shared<Arguments>();
    Arguments& to = *arguments;
    add_queue_options(*command, to.queue);
    add_gateway_options(*command, to.gateway);
    command->add_option("--error", to.filter.errors, "Only of this error class; several are possible")
        ->allow_extra_args(false);
    command->add_option("--type", to.filter.type, "Only of this type of job");
    command->add_option("--id", to.filter.jobs, "Only this job; several are possible")->allow_extra_args(false);
    command->add_option(
        "--since", to.since,
        "Only what failed (through a gateway: was submitted) at or after this time, or so long ago: 2h");
    command->add_option("--until", to.until, "Only what failed (through a gateway: was submitted) before this time");
    command->add_option("--limit", to.limit, "At most so many jobs")->check(CLI::PositiveNumber);
    command->add_flag("--dry-run", to.dry_run, "Only tell what would happen");
    command->add_option("--rate", to.rate, "At most so many jobs: 50/s, 10/m, 1/h");
    command->add_option("--patch", to.patch, "A JSON patch (RFC 6902) of each payload, or @FILE");
    add_by_option(*command, to.by);
    command->add_option("--reason", to.reason, "Why, for those who wonder");
    command->add_flag("--detach", to.detach, "Through a gateway: start it and do not wait for its end");
    command->footer(footer);
    command->callback([&chosen, arguments, &environment] {
        chosen = [arguments, &environment] { return redrive(*arguments, environment); };
    });
}

}  // namespace drover::cli
