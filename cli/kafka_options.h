// Options that several commands share. Room: cli.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"
#include "src/kafka/settings.h"

namespace drover::cli {

// From "name=value" each.
Result<kafka::Settings> kafka_settings(const std::vector<std::string>& arguments);

// As Kubernetes mounts a Secret: a file for each setting, by its name.
Result<kafka::Settings> kafka_settings_in(const std::filesystem::path& folder);

// What a file leaves out is filled in, as kubectl does. No namespace: nothing changes.
void move_to_namespace(std::vector<jobqueue::JobQueue>& queues, const std::string& ns);

}  // namespace drover::cli
