// drover render: what the operator would make of JobQueue files.
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/kafka_options.h"
#include "cli/queue_files.h"
#include "cli/queue_options.h"
#include "cli/read_file.h"
#include "cli/yaml_text.h"
#include "operator/core/topic_plan.h"
#include "operator/core/workload.h"
#include "src/jobqueue/node.h"

namespace drover::cli {
namespace {

using nlohmann::ordered_json;

constexpr const char* footer = R"(Examples:
  drover render -f queue.yaml
  drover render -f queue.yaml | kubectl diff -f -
  kubectl get deployment mailer -o yaml | drover render -f queue.yaml --deployment -

The objects are what the operator would apply, with as many replicas as it begins with; topics are in comments, since
Kafka has them. What only a cluster knows, the JobQueue's uid and the token by which pods drain, is made up.

The exit code is 0; 2 when something about the files is wrong.)";

constexpr const char* made_up_uid = "00000000-0000-0000-0000-000000000000";
constexpr const char* made_up_token = "made-by-the-operator";

struct Arguments {
    std::vector<std::string> files;
    std::string queue, ns, image = "drover:" DROVER_VERSION, deployment, output = "yaml";
    int brokers = 3;
    bool pod_monitors = false;
};

Result<std::optional<nlohmann::json>> deployment_of(const std::string& file) {
    if (file.empty()) return std::nullopt;
    const bool is_stdin = file == "-";
    const Result<std::string> text =
        is_stdin ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : read_file(file);
    if (!text)
        return failure(Error::Code::invalid, "cannot read the Deployment in " + file + ": " + text.error().message);
    const jobqueue::Documents read = jobqueue::read_yaml(*text, is_stdin ? "<stdin>" : file);
    if (!read.problems.empty()) {
        print_problems(read.problems);
        return failure(Error::Code::invalid, "--deployment: the file is not valid");
    }
    if (read.documents.size() != 1)
        return failure(Error::Code::invalid, "--deployment: the file must hold one Deployment");
    return jobqueue::to_json(*read.documents.front());
}

struct Rendered {
    const jobqueue::JobQueue* queue;
    std::vector<operator_core::TopicPlan> topics;
    std::vector<nlohmann::json> objects;
};

Result<Rendered> render_queue(const jobqueue::JobQueue& queue, const std::vector<jobqueue::JobQueue>& all,
                              const Arguments& arguments, const std::optional<nlohmann::json>& deployment) {
    operator_core::Installation installation{.image = arguments.image};
    installation.has_pod_monitors = arguments.pod_monitors;
    operator_core::Surroundings around{.uid = made_up_uid,
                                       .replicas = queue.scaling.min_replicas,
                                       .drain_token = made_up_token,
                                       .deployment = deployment,
                                       .retired = {},
                                       .queue_topics = {}};
    for (const jobqueue::JobQueue& each : all) {
        if (each.ns == queue.ns) around.queue_topics[each.name] = jobqueue::topics_of(each).main;
    }
    auto workload = operator_core::workload_of(queue, installation, around);
    if (!workload) {
        std::string message = queue.ns + "." + queue.name + ": " + workload.error().message;
        if (!queue.target_ref_name.empty() && !deployment)
            message += "; give it with --deployment FILE, as 'kubectl get deployment " + queue.target_ref_name +
                       " -o yaml' prints it";
        return failure(Error::Code::invalid, message);
    }
    return Rendered{&queue, operator_core::topic_plan(queue, arguments.brokers), std::move(workload->objects)};
}

ordered_json topics_json(const std::vector<operator_core::TopicPlan>& topics) {
    ordered_json list = ordered_json::array();
    for (const operator_core::TopicPlan& each : topics) {
        list.push_back({{"topic", each.topic},
                        {"partitions", each.partitions},
                        {"replicationFactor", each.replication_factor},
                        {"config", each.config}});
    }
    return list;
}

std::string commented(const std::string& text) {
    std::string out;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        out.append("# ").append(text, begin, end - begin).append("\n");
        begin = end + 1;
    }
    return out;
}

void print_yaml(const Rendered& rendered) {
    std::cout << "# JobQueue " << rendered.queue->ns << "/" << rendered.queue->name << ": topics\n"
              << commented(to_yaml(topics_json(rendered.topics)));
    for (const nlohmann::json& object : rendered.objects) std::cout << "---\n" << to_yaml(object);
}

int render(const Arguments& arguments) {
    jobqueue::ParsedQueues parsed = read_queue_files(arguments.files);
    if (!parsed.problems.empty()) {
        print_problems(parsed.problems);
        return 2;
    }
    move_to_namespace(parsed.queues, arguments.ns);
    const auto deployment = deployment_of(arguments.deployment);
    if (!deployment) return complain(deployment.error());
    ordered_json all = ordered_json::array();
    bool found = false;
    for (const jobqueue::JobQueue& queue : parsed.queues) {
        const bool meant =
            arguments.queue.empty() || arguments.queue == queue.name || arguments.queue == queue.ns + "." + queue.name;
        if (!meant) continue;
        const auto rendered = render_queue(queue, parsed.queues, arguments, *deployment);
        if (!rendered) return complain(rendered.error());
        if (arguments.output == "yaml") {
            if (found) std::cout << "---\n";
            print_yaml(*rendered);
        } else {
            all.push_back({{"queue", queue.ns + "." + queue.name},
                           {"topics", topics_json(rendered->topics)},
                           {"objects", rendered->objects}});
        }
        found = true;
    }
    if (!found) return complain({Error::Code::invalid, "there is no queue '" + arguments.queue + "' in the files"});
    if (arguments.output == "json") std::cout << ordered_json{{"queues", all}}.dump(2) << '\n';
    return 0;
}

}  // namespace

void add_render_command(CLI::App& app, Chosen& chosen) {
    CLI::App* command = app.add_subcommand("render", "What the operator would make of JobQueue files");
    const auto arguments = std::make_shared<Arguments>();
    Arguments& to = *arguments;
    command->add_option("-f,--file", to.files, "JobQueue files; - is stdin")
        ->required()
        ->type_name("FILE")
        ->allow_extra_args(false);
    command->add_option("-q,--queue", to.queue, "Only this one of them")->type_name("QUEUE");
    command->add_option("-n,--namespace", to.ns, "Of queues that name none")->type_name("NAME");
    command->add_option("--image", to.image, "The image with drover, for sidecars")->capture_default_str();
    command->add_option("--brokers", to.brokers, "How many the Kafka has: no topic has more copies")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--deployment", to.deployment, "The Deployment of spec.targetRef, as it is; - is stdin")
        ->type_name("FILE");
    command->add_flag("--pod-monitors", to.pod_monitors, "With the PodMonitor of each queue's workers");
    command->add_option("-o,--output", to.output, "yaml or json")
        ->check(CLI::IsMember({"yaml", "json"}))
        ->capture_default_str();
    command->footer(footer);
    command->callback([&chosen, arguments] { chosen = [arguments] { return render(*arguments); }; });
}

}  // namespace drover::cli
