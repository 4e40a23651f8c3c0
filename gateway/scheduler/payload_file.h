// What jobs that wait are, while only their times are in memory: a file without a name, gone with the process, and
// nothing that has to survive, since Kafka has it. Room: gateway/scheduler. Owner thread: the scheduler's.
//
// What cannot be written, because the disk is full, stays in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

#include "gateway/core/delayed_jobs.h"
#include "src/base/result.h"

namespace drover::gateway {

class PayloadFile {
public:
    using Place = DelayedJobs::Place;

    explicit PayloadFile(std::filesystem::path folder) : folder_(std::move(folder)) {}
    ~PayloadFile();
    PayloadFile(const PayloadFile&) = delete;
    PayloadFile& operator=(const PayloadFile&) = delete;

    Place append(std::string_view bytes);
    Result<std::string> read(Place place) const;
    void forget(Place place);

    // Half of the file or more is of jobs that are gone. Then: begin_tidying(), tidy() for each job, end_tidying().
    bool wants_tidying() const;
    void begin_tidying();
    bool is_tidying() const { return is_tidying_; }
    Place tidy(Place place);  // where it is from now on
    void end_tidying();

    std::uint64_t bytes() const { return files_[0].end + files_[1].end; }
    const std::string& trouble() const { return trouble_; }  // the last; "": none

private:
    struct File {
        int descriptor = -1;
        std::uint64_t end = 0;
        std::uint64_t live = 0;
    };
    bool write(std::string_view bytes);
    void close(File& file);

    std::filesystem::path folder_;
    File files_[2];
    std::size_t current_ = 0;
    bool is_tidying_ = false;
    std::unordered_map<std::uint64_t, std::string> kept_;
    std::uint64_t next_kept_ = 0;
    std::string trouble_;
};

}  // namespace drover::gateway
