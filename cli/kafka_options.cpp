#include "cli/kafka_options.h"

namespace drover::cli {

Result<kafka::Settings> kafka_settings(const std::vector<std::string>& arguments) {
    kafka::Settings settings;
    for (const std::string& argument : arguments) {
        const std::size_t equals = argument.find('=');
        if (equals == std::string::npos || equals == 0) {
            return failure(Error::Code::invalid, "-X wants name=value, not " + argument);
        }
        settings[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
    return settings;
}

void move_to_namespace(std::vector<jobqueue::JobQueue>& queues, const std::string& ns) {
    if (ns.empty()) return;
    for (jobqueue::JobQueue& queue : queues) {
        if (queue.ns == "default") queue.ns = ns;
    }
}

}  // namespace drover::cli
