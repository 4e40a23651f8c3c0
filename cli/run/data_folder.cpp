#include "cli/run/data_folder.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace drover::cli {

namespace fs = std::filesystem;

DataFolder::~DataFolder() {
    if (lock_ >= 0) ::close(lock_);
}

Result<void> DataFolder::open(const fs::path& path) {
    for (const char* part : {"broker", "logs", "sidecars"}) {
        std::error_code error;
        fs::create_directories(path / part, error);
        if (error) {
            return failure(Error::Code::unavailable, "cannot make " + (path / part).string() + ": " + error.message());
        }
    }
    const fs::path lock = path / "run.lock";
    lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock_ < 0)
        return failure(Error::Code::unavailable, "cannot write " + lock.string() + ": " + std::strerror(errno));
    // The kernel drops the lock with the process, so a kill -9 leaves nothing behind that has to be removed by hand.
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        std::string holder;
        std::ifstream(lock) >> holder;
        return failure(Error::Code::conflict, "the folder " + path.string() +
                                                  " is in use by another 'drover run' (pid " + holder +
                                                  "); choose another one with --data");
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock_, 0) != 0 || ::write(lock_, pid.data(), pid.size()) < 0) {
        return failure(Error::Code::unavailable, "cannot write " + lock.string() + ": " + std::strerror(errno));
    }
    return {};
}

fs::path folder_of(const jobqueue::JobQueue& queue) {
    if (queue.source_file.empty()) return fs::current_path();
    return fs::absolute(queue.source_file).parent_path();
}

std::optional<std::string> output_of(const jobqueue::JobQueue& queue) {
    const auto annotation = queue.annotations.find(std::string(local_output_annotation));
    if (annotation == queue.annotations.end() || annotation->second.empty()) return std::nullopt;
    return (folder_of(queue) / annotation->second).lexically_normal().string();
}

}  // namespace drover::cli
