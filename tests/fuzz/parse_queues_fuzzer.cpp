#include <cstdint>
#include <nlohmann/json.hpp>

#include "src/jobqueue/resource.h"
#include "src/jobqueue/sidecar_config.h"
#include "tests/fuzz/expect.h"

using namespace drover::jobqueue;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = parse_queues({reinterpret_cast<const char*>(data), size}, "queue.yaml");
    EXPECT_HOLDS(!parsed.queues.empty() || !parsed.problems.empty());
    for (const auto& problem : parsed.problems) {
        EXPECT_HOLDS(!problem.message.empty());
        EXPECT_HOLDS(format_problem(problem).find('\n') == std::string::npos);
    }
    if (!parsed.problems.empty()) return 0;

    for (const auto& queue : parsed.queues) {
        const Topics topics = topics_of(queue);
        for (const auto& retry : topics.retries) EXPECT_HOLDS(retry.topic.size() <= 249);
        if (!queue.worker_template_json.empty()) EXPECT_HOLDS(nlohmann::json::accept(queue.worker_template_json));
        for (const auto& [type, schema] : queue.schemas_json) EXPECT_HOLDS(nlohmann::json::accept(schema));

        // A queue that is accepted gives a config that its sidecar accepts.
        SidecarConfig config = sidecar_config_for(queue);
        config.kafka.emplace("bootstrap.servers", "127.0.0.1:9092");
        const auto read = sidecar_config_from_json(to_json(config));
        EXPECT_HOLDS(read.has_value());
        EXPECT_HOLDS(*read == config);
    }
    return 0;
}
