#include "cli/kafka_options.h"

#include "cli/read_file.h"

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

Result<kafka::Settings> kafka_settings_in(const std::filesystem::path& folder) {
    const auto cannot_read = [](const std::filesystem::path& path, const std::string& why) {
        return failure(Error::Code::invalid, "cannot read " + path.string() + ": " + why);
    };
    kafka::Settings settings;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with("..") || !entry.is_regular_file()) continue;  // Kubernetes' own
        Result<std::string> value = read_file(entry.path());
        if (!value) return cannot_read(entry.path(), value.error().message);
        if (value->ends_with('\n')) value->pop_back();  // an editor put it there
        settings.emplace(name, std::move(*value));
    }
    if (error) return cannot_read(folder, error.message());
    return settings;
}

void move_to_namespace(std::vector<jobqueue::JobQueue>& queues, const std::string& ns) {
    if (ns.empty()) return;
    for (jobqueue::JobQueue& queue : queues) {
        if (queue.ns == "default") queue.ns = ns;
    }
}

}  // namespace drover::cli
