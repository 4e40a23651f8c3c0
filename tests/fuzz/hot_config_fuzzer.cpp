// What is taken leaves a configuration that can be written, and the cold part as it was.
#include <cstdint>

#include "src/jobqueue/hot_config.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::jobqueue;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    JobQueue queue;
    queue.name = "email";
    queue.kafka.bootstrap_servers = "kafka:9092";
    queue.generation = 3;
    SidecarConfig base = sidecar_config_for(queue);
    base.delivery.batch_max_size = size % 2 == 0 ? 1 : 5;

    const auto config = with_hot_config(base, {reinterpret_cast<const char*>(data), size});
    if (!config) {
        EXPECT_HOLDS(config.error().code == Error::Code::invalid || config.error().code == Error::Code::conflict);
        EXPECT_HOLDS(!config.error().message.empty());
        return 0;
    }
    EXPECT_HOLDS(config->generation >= base.generation);
    EXPECT_HOLDS(config->delivery.timeout <= base.delivery.timeout);
    EXPECT_HOLDS(sidecar_config_from_json(to_json(*config)).value() == *config);
    EXPECT_HOLDS(with_hot_config(base, hot_config_of(*config)).value() == *config);
    base.delivery.timeout = config->delivery.timeout;
    EXPECT_HOLDS(cold_config_of(*config) == cold_config_of(base));
    return 0;
}
