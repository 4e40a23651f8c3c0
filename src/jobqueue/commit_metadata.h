// What a sidecar writes beside a committed offset, at most 4,096 bytes a partition: the next owner goes on from it, and
// the operator reads how busy the workers were. Pure. Room: jobqueue.
//
// Text: the version "1", then base64 of: busy microseconds, completions, the attempts (count; if there are any, the
// earliest due time in milliseconds; of each the distance from the one before, attempts, milliseconds from that due
// time to its own), the kind of the map (0 runs, 1 bits), the map. Numbers are LEB128 varints. Runs: alternately how
// many offsets are unfinished and finished, from the committed one on. Bits: bit i of byte i/8 is offset i.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/time.h"

namespace drover::jobqueue {

inline constexpr std::size_t max_commit_metadata_bytes = 4096;
// A longer map is not believed: nobody fetches so far ahead.
inline constexpr std::int64_t max_finished_window = 1 << 20;

struct OffsetRun {  // [first, first + count)
    std::int64_t first = 0;
    std::int64_t count = 0;
    bool operator==(const OffsetRun&) const = default;
};

struct OffsetAttempts {  // of a job that is retried in its place
    std::int64_t offset = 0;
    int attempts = 0;
    Time due_at{};  // no try before: whole milliseconds, kept from 1970 to 2248, rounded up
    bool operator==(const OffsetAttempts&) const = default;
};

struct CommitMetadata {
    std::vector<OffsetRun> finished;       // above the committed offset; ascending, apart, counts ≥ 1
    std::vector<OffsetAttempts> attempts;  // ascending, at or above the committed offset
    std::uint64_t busy_micros = 0;         // how long jobs of this partition kept slots busy, since the queue began
    std::uint64_t completions = 0;         // how many did
    bool operator==(const CommitMetadata&) const = default;

    std::int64_t finished_count() const;
};

// What does not fit into `max_bytes` is left out, the highest offsets first: those jobs would run again after a
// restart, none is lost.
std::string encode_commit_metadata(const CommitMetadata& metadata, std::int64_t committed,
                                   std::size_t max_bytes = max_commit_metadata_bytes);

// Nothing when the text is of another version or damaged: then nothing above the committed offset is known.
std::optional<CommitMetadata> decode_commit_metadata(std::string_view text, std::int64_t committed);

}  // namespace drover::jobqueue
