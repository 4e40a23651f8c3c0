#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/figures.h"
#include "cli/gateway/submit_to_gateway.h"
#include "cli/queue_options.h"
#include "cli/submitter.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/units.h"
#include "src/kafka/admin.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* footer = R"(Examples:
  drover submit -q email '{"to":"ada@example.org"}' --wait
  drover submit -q email --lines addresses.jsonl --label list=spring --wait=10m
  drover submit -f queues.yaml -q thumbnails --folder ~/Pictures --match '*.jpg' --paths
  drover submit --topic default.email --kafka kafka:9092 --lines addresses.txt

Through a gateway, unless -f, --kafka, --topic or -X say: straight to Kafka (which is localhost:9092 where only the
topic is named). A gateway takes JSON; Kafka takes any bytes. It prints the job's id.

The exit code is 0 when every job was accepted, and with --wait completed; 1 when one was refused, or did not complete;
2 when something about the input is wrong, and then nothing, or only what was right, has been submitted; 3 when the
gateway or Kafka cannot be reached.)";

struct Arguments {
    QueueArguments queue;
    GatewayArguments gateway;
    SubmissionFields fields;
    std::string patience, wait, idempotency_key, output;
    std::vector<std::string> headers;
    std::string payload, lines, folder, match = "*", key, type, priority, delay, content_type;
    bool has_payload = false, has_key = false, from_stdin = false, paths = false, waits = false;

    bool many() const { return !lines.empty() || !folder.empty(); }
};

constexpr const char* no_limit = "until it ends";  // what --wait without a value is

Error wrong(const std::string& message) { return {Error::Code::invalid, message}; }

Result<jobqueue::Submission> pattern_of(const Arguments& arguments) {
    jobqueue::Submission job{.type = arguments.type, .content_type = arguments.content_type};
    job.priority = arguments.priority;
    if (arguments.has_key) job.key = arguments.key;
    if (!arguments.delay.empty()) {
        job.delay = jobqueue::parse_duration(arguments.delay);
        if (!job.delay)
            return tl::unexpected(wrong("--delay must be a duration such as 30s or 5m, not " + arguments.delay));
    }
    return job;
}

Result<JobSource> source_of(const Arguments& arguments, const jobqueue::Submission& like) {
    const int given = static_cast<int>(arguments.has_payload) + static_cast<int>(arguments.from_stdin) +
                      static_cast<int>(!arguments.lines.empty()) + static_cast<int>(!arguments.folder.empty());
    if (given != 1) return tl::unexpected(wrong("give one of: a payload, --stdin, --lines FILE, --folder FOLDER"));
    if (arguments.has_payload) return one_payload(like, arguments.payload);
    if (arguments.from_stdin) return one_payload(like, std::string(std::istreambuf_iterator<char>(std::cin), {}));
    if (!arguments.lines.empty()) {
        const auto file = std::make_shared<std::ifstream>(arguments.lines);
        if (!*file) return tl::unexpected(wrong("cannot read " + arguments.lines));
        return lines_of(like, file);
    }
    auto files = find_files(arguments.folder, arguments.match);
    if (!files) return tl::unexpected(wrong(files.error().message));
    if (files->empty()) return tl::unexpected(wrong("no file in " + arguments.folder + " fits " + arguments.match));
    return files_as_jobs(like, std::move(*files), arguments.paths ? FileAs::path : FileAs::content);
}

Result<std::vector<Field>> headers_of(const Arguments& arguments) {
    std::vector<Field> headers;
    for (const std::string& text : arguments.headers) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0) {
            return tl::unexpected(wrong("--header wants name=value, not " + text));
        }
        Field header{text.substr(0, equals), text.substr(equals + 1)};
        if (jobqueue::is_drover_header(header.name)) {
            return tl::unexpected(wrong("--header: " + header.name + " is Drover's own"));
        }
        headers.push_back(std::move(header));
    }
    return headers;
}

// Once it is missing or out of reach, again until `patience` is over.
Result<void> find_topic(const QueueTarget& target, const std::string& topic, Duration patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
        Result<void> found;
        if (auto admin = kafka::Admin::connect(target.kafka, 5s))
            found = check_topics(**admin, target, {topic});
        else
            found = tl::unexpected(admin.error());
        if (found || found.error().code == Error::Code::invalid || std::chrono::steady_clock::now() >= deadline)
            return found;
        std::this_thread::sleep_for(200ms);
    }
}

int report(const std::string& topic, bool many, const Submitter::Outcome& outcome) {
    if (outcome.failed > 0) {
        std::cerr << "drover: " << outcome.failed << " of " << outcome.failed + outcome.acknowledged
                  << " jobs were not submitted: " << outcome.first_error->message << '\n';
        const bool bad_input =
            outcome.first_error->code == Error::Code::too_large || outcome.first_error->code == Error::Code::not_found;
        return bad_input ? 2 : 1;
    }
    if (!many) {
        std::cout << outcome.last_id << '\n';
    } else {
        const double seconds = std::max(outcome.time.count(), 1e-3);
        std::cout << with_thousands(static_cast<std::int64_t>(outcome.acknowledged)) << " jobs submitted to " << topic
                  << ", " << per_second(static_cast<double>(outcome.acknowledged) / seconds) << "/s\n";
    }
    return 0;
}

Result<Duration> patience_of(const Arguments& arguments) {
    if (arguments.patience.empty()) return Duration{0};
    const auto patience = jobqueue::parse_duration(arguments.patience);
    if (patience) return *patience;
    return tl::unexpected(wrong("--patience must be a duration such as 30s, not " + arguments.patience));
}

Result<std::optional<Patience>> wait_of(const Arguments& arguments) {
    if (!arguments.waits) return std::nullopt;
    if (arguments.wait == no_limit) return Patience{};
    const auto limit = jobqueue::parse_duration(arguments.wait);
    if (limit && *limit > Duration{0}) return Patience{.limit = *limit};
    return tl::unexpected(wrong("--wait=… must be a duration such as 30s, not " + arguments.wait));
}

// What only one of the two ways can do.
Result<void> check_way(const Arguments& arguments, Way way) {
    const SubmissionFields& fields = arguments.fields;
    if (way == Way::kafka) {
        if (arguments.waits) {
            return tl::unexpected(
                wrong("--wait follows jobs through a gateway, and this goes straight to Kafka; to wait for broker and "
                      "topic give --patience 30s"));
        }
        const bool asks = !fields.labels.empty() || !fields.unique_key.empty() || fields.max_attempts ||
                          !fields.timeout.empty() || !fields.deadline.empty() || !fields.run_at.empty() ||
                          !fields.callback.empty() || !arguments.idempotency_key.empty() || arguments.output == "json";
        if (asks) {
            return tl::unexpected(
                wrong("--label, --unique-key, --max-attempts, --timeout, --deadline, --run-at, --callback, "
                      "--idempotency-key and -o json need a gateway, and this goes straight to Kafka"));
        }
        return {};
    }
    if (!arguments.headers.empty() || !arguments.content_type.empty())
        return tl::unexpected(wrong("--header and --content-type are for Kafka: give --kafka or -f too"));
    if (!arguments.idempotency_key.empty() && arguments.many())
        return tl::unexpected(wrong("--idempotency-key is for one job"));
    return {};
}

int submit_to_kafka(const Arguments& arguments, const jobqueue::Submission& like, JobSource source, Duration patience) {
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    auto headers = headers_of(arguments);
    if (!headers) return complain(headers.error());
    if (target->queue) source = limited(std::move(source), target->queue->delivery.max_payload);
    const std::string topic = jobqueue::topic_for(target->topics, like.priority);
    if (const auto found = find_topic(*target, topic, patience); !found) return complain(found.error());

    boost::asio::io_context io(1);
    int code = 1;
    auto submitter =
        Submitter::start(io, target->kafka, {.topic = topic, .jobs = std::move(source), .headers = std::move(*headers)},
                         [&](const Submitter::Outcome& outcome) {
                             code = report(topic, arguments.many(), outcome);
                             io.stop();
                         });
    if (!submitter) return complain(submitter.error());
    io.run();
    return code;
}

int submit(Arguments& arguments, const Environment& environment) {
    const auto way = way_of(arguments.queue, arguments.gateway);
    if (!way) return complain(way.error());
    if (const auto possible = check_way(arguments, *way); !possible) return complain(possible.error());
    const auto like = pattern_of(arguments);
    if (!like) return complain(like.error());
    const auto patience = patience_of(arguments);
    if (!patience) return complain(patience.error());
    const auto wait = wait_of(arguments);
    if (!wait) return complain(wait.error());
    if (*way == Way::kafka) {
        // What is wrong with the queue's name is told before stdin is read.
        if (const auto target = queue_target(arguments.queue); !target) return complain(target.error());
    }
    auto source = source_of(arguments, *like);
    if (!source) return complain(source.error());
    if (*way == Way::kafka) return submit_to_kafka(arguments, *like, std::move(*source), *patience);

    arguments.gateway.ns = arguments.queue.ns;
    SubmissionFields& fields = arguments.fields;
    fields.type = arguments.type;
    fields.priority = arguments.priority;
    fields.delay = arguments.delay;
    if (arguments.has_key) fields.key = arguments.key;
    GatewayOrder order{.gateway = arguments.gateway,
                       .queue = arguments.queue.queue,
                       .fields = fields,
                       .jobs = std::move(*source),
                       .many = arguments.many(),
                       .idempotency_key = arguments.idempotency_key,
                       .patience = *patience,
                       .wait = *wait,
                       .output = arguments.output};
    return submit_to_gateway(order, environment);
}

}  // namespace

void add_submit_command(CLI::App& app, Chosen& chosen, const Environment& environment) {
    CLI::App* command = app.add_subcommand("submit", "Put jobs into a queue");
    const auto arguments = std::make_shared<Arguments>();
    Arguments& to = *arguments;
    add_queue_options(*command, to.queue);
    add_gateway_options(*command, to.gateway);
    add_output_option(*command, to.output);
    CLI::Option* payload = command->add_option("payload", to.payload, "One job's payload");
    command->add_flag("--stdin", to.from_stdin, "One job: what stdin holds");
    command->add_option("--lines", to.lines, "A job for each line of this file");
    CLI::Option* folder =
        command->add_option("--folder", to.folder, "A job for each file below this folder: its content");
    command->add_option("--match", to.match, "Of these only the ones whose name fits")
        ->needs(folder)
        ->capture_default_str();
    command->add_flag("--paths", to.paths, "The absolute path of each file, not its content")->needs(folder);
    CLI::Option* key = command->add_option("--key", to.key, "Ordering key");
    command->add_option("--type", to.type, "Type of the job");
    command->add_option("--priority", to.priority, "critical, high, normal, low or background")
        ->check(CLI::IsMember({"critical", "high", "normal", "low", "background"}));
    command->add_option("--delay", to.delay, "Not before this time from now, e.g. 30s");
    command->add_option("--header", to.headers, "A header of the record, name=value")->allow_extra_args(false);
    command->add_option("--content-type", to.content_type, "Default: JSON, text or bytes, whatever the payload is");
    CLI::Option* wait = command->add_flag(std::string("--wait{") + no_limit + "}", to.wait,
                                          "Until the jobs end, and say how far they are; --wait=30s: at most so long");
    command->add_option("--patience", to.patience, "How long to wait for gateway, broker and topic, e.g. 30s");
    command->add_option("--run-at", to.fields.run_at, "Not before this time, e.g. 2027-01-31T12:00:00Z");
    command->add_option("--label", to.fields.labels, "name=value, to find the job by")->allow_extra_args(false);
    command->add_option("--unique-key", to.fields.unique_key, "A second job of this key within a day is the first");
    command->add_option("--max-attempts", to.fields.max_attempts, "How often it is tried");
    command->add_option("--timeout", to.fields.timeout, "Of an attempt, e.g. 30s");
    command->add_option("--deadline", to.fields.deadline, "When the job is of no more use");
    command->add_option("--callback", to.fields.callback, "URL that is told of its end");
    command->add_option("--idempotency-key", to.idempotency_key, "The same command with this key is the same job");
    command->footer(footer);
    command->callback([&chosen, arguments, payload, key, wait, &environment] {
        arguments->has_payload = payload->count() > 0;
        arguments->has_key = key->count() > 0;
        arguments->waits = wait->count() > 0;
        chosen = [arguments, &environment] { return submit(*arguments, environment); };
    });
}

}  // namespace drover::cli
