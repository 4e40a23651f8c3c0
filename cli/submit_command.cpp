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
#include "cli/queue_options.h"
#include "cli/submitter.h"
#include "src/jobqueue/job.h"
#include "src/jobqueue/units.h"
#include "src/kafka/admin.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;

constexpr const char* footer = R"(Examples:
  drover submit -q email '{"to":"ada@example.org"}'
  drover submit -f queues.yaml -q thumbnails --folder ~/Pictures --match '*.jpg' --paths
  drover submit --topic default.email --kafka kafka:9092 --lines addresses.txt

Without -f the broker is localhost:9092 and the topic <namespace>.<queue>. The exit code is 0 only when every job is in
Kafka; 2 when something about the input is wrong, and then nothing, or only what was right, has been submitted.)";

struct Arguments {
    QueueArguments queue;
    std::string wait;
    std::vector<std::string> headers;
    std::string payload, lines, folder, match = "*", key, type, priority, delay, content_type;
    bool has_payload = false, has_key = false, from_stdin = false, paths = false;
};

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

int submit(const Arguments& arguments) {
    const auto target = queue_target(arguments.queue);
    if (!target) return complain(target.error());
    const auto like = pattern_of(arguments);
    if (!like) return complain(like.error());
    auto headers = headers_of(arguments);
    if (!headers) return complain(headers.error());
    auto source = source_of(arguments, *like);
    if (!source) return complain(source.error());
    const auto patience =
        arguments.wait.empty() ? std::optional(Duration{0}) : jobqueue::parse_duration(arguments.wait);
    if (!patience) return complain(wrong("--wait must be a duration such as 30s, not " + arguments.wait));
    if (target->queue) source = limited(std::move(*source), target->queue->delivery.max_payload);
    const std::string topic = jobqueue::topic_for(target->topics, arguments.priority);
    if (const auto found = find_topic(*target, topic, *patience); !found) return complain(found.error());

    boost::asio::io_context io(1);
    int code = 1;
    auto submitter = Submitter::start(
        io, target->kafka, {.topic = topic, .jobs = std::move(*source), .headers = std::move(*headers)},
        [&](const Submitter::Outcome& outcome) {
            code = report(topic, !arguments.lines.empty() || !arguments.folder.empty(), outcome);
            io.stop();
        });
    if (!submitter) return complain(submitter.error());
    io.run();
    return code;
}

}  // namespace

void add_submit_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("submit", "Put jobs into a queue");
    const auto arguments = std::make_shared<Arguments>();
    Arguments& to = *arguments;
    add_queue_options(*command, to.queue);
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
    command->add_option("--wait", to.wait, "How long to wait for broker and topic, e.g. 30s");
    command->footer(footer);
    command->callback([&chosen, arguments, payload, key] {
        arguments->has_payload = payload->count() > 0;
        arguments->has_key = key->count() > 0;
        chosen = [arguments] { return submit(*arguments); };
    });
}

}  // namespace drover::cli
