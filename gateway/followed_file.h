// A file whose content may change while the gateway runs, such as a mounted Secret. Room: gateway. Reads block,
// shortly.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "src/base/result.h"

namespace drover::gateway {

class FollowedFile {
public:
    explicit FollowedFile(std::filesystem::path path) : path_(std::move(path)) {}

    // Its content, where it differs from what the last call saw. An Error, each time, where it cannot be read.
    Result<std::optional<std::string>> news();
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    std::optional<std::string> seen_;
};

}  // namespace drover::gateway
