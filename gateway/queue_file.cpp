#include "gateway/queue_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <system_error>

#include <nlohmann/json.hpp>

namespace drover::gateway {

using nlohmann::json;

namespace {

bool sync(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool synced = ::fsync(file) == 0;
    ::close(file);
    return synced;
}

}  // namespace

Result<QueueRecords> read_queue_file(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error) return QueueRecords();
    std::ifstream file(path, std::ios::binary);
    const json records = json::parse(file, nullptr, false);
    QueueRecords read;
    bool is_one = file.is_open() && records.is_object();
    if (is_one) {
        for (const auto& [key, value] : records.items()) {
            is_one = is_one && value.is_string();
            if (is_one) read.emplace(key, value.get<std::string>());
        }
    }
    if (!is_one) return failure(Error::Code::invalid, path.string() + " is no file of queues");
    return read;
}

Result<void> write_queue_file(const std::filesystem::path& path, const QueueRecords& records) {
    std::filesystem::path fresh = path;
    fresh += ".new";
    {
        std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
        file << json(records).dump(-1, ' ', false, json::error_handler_t::replace);
        file.close();
        if (!file || !sync(fresh)) return failure(Error::Code::unavailable, "cannot write " + fresh.string(), true);
    }
    std::error_code error;
    std::filesystem::rename(fresh, path, error);
    if (error) return failure(Error::Code::unavailable, "cannot write " + path.string() + ": " + error.message(), true);
    sync(path.parent_path());
    return {};
}

}  // namespace drover::gateway
