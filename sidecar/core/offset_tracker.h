// Which offsets of one partition are finished, and how far it may be committed. Pure. Room: sidecar/core.
//
// States of an offset at or above committable():   unknown → unfinished → finished
//   unknown      not received yet; the metadata of the last owner may say that it is finished
//   unfinished   received(), not yet finish()ed
//   finished     finish()ed, or skipped: records are read in order, so an offset that is passed over does not exist
//                (compacted, aborted, a transaction marker)
//
// The one promise: committable() never passes an unfinished or unknown offset, whatever the order of the calls.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "src/jobqueue/commit_metadata.h"

namespace drover::sidecar {

class OffsetTracker {
public:
    // Goes on at `committed` (≥ 0), with what the metadata says is finished above it; runs below it are ignored.
    explicit OffsetTracker(std::int64_t committed, const std::vector<jobqueue::OffsetRun>& finished = {});

    enum class Receipt {
        fresh,     // unfinished from now on
        finished,  // was finished before: not to be handed over again
        repeated,  // received before and unfinished: somebody has it in hand
    };
    Receipt received(std::int64_t offset);

    // The job at `offset` is done with. False when it was not unfinished: a duplicate or stale call changes nothing.
    bool finish(std::int64_t offset);

    // Nothing is left to read below `end`.
    void reached_end(std::int64_t end);

    std::int64_t committable() const { return base_; }
    std::int64_t next() const { return next_; }  // one past the highest received offset
    std::int64_t unfinished() const { return unfinished_; }
    // The finished offsets above committable(), for the commit's metadata.
    std::vector<jobqueue::OffsetRun> finished_above() const;

    // An upper bound of the bytes that encoding finished_above() takes, before base64. Constant time.
    std::size_t map_bytes_bound() const;

private:
    bool is_finished(std::int64_t offset) const;
    void mark_finished(std::int64_t first, std::int64_t end);  // [first, end), nothing of it finished before
    void skip_to(std::int64_t offset);

    std::int64_t base_;  // lowest offset that is not finished
    std::int64_t next_;  // one past the highest received
    std::int64_t unfinished_ = 0;
    std::map<std::int64_t, std::int64_t> runs_;  // finished offsets above base_: first → end, never touching
};

}  // namespace drover::sidecar
