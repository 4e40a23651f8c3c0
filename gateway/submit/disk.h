// The few things that the spool does to a file system, so that tests can take the power away between any two of them.
// Room: gateway/submit. Any one thread at a time. Errors are `unavailable` and retryable: a full disk heals.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace drover::gateway {

class File {
public:
    virtual ~File() = default;
    // All of it, or an Error; some of it may be there then.
    virtual Result<void> write(std::uint64_t offset, std::string_view bytes) = 0;
    // Fewer where the file ends.
    virtual Result<std::string> read(std::uint64_t offset, std::size_t bytes) = 0;
    virtual Result<std::uint64_t> size() = 0;
    virtual Result<void> truncate(std::uint64_t size) = 0;
    virtual Result<void> sync() = 0;  // what was written survives a power cut; the name too, once the folder is synced
};

class Folder {
public:
    virtual ~Folder() = default;
    virtual Result<std::vector<std::string>> list() = 0;
    virtual Result<std::unique_ptr<File>> open(const std::string& name) = 0;  // creates it where it is missing
    virtual Result<void> remove(const std::string& name) = 0;
    virtual Result<void> sync() = 0;
};

// Creates the folder where it is missing. One process at a time: a `conflict` Error where another one has it.
Result<std::unique_ptr<Folder>> open_folder(const std::string& path);

}  // namespace drover::gateway
