// The last jobs of one partition that were begun here or finished, to recognise a job that comes again. Pure. Room:
// sidecar/core. The sidecar's thread.
//
// Memory: 16 bytes an entry and 5 to 11 for finding it, taken as the window fills: about 225 KiB for 10,000.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "src/jobqueue/job.h"

namespace drover::sidecar {

using Fingerprint = std::uint64_t;

// Of one try of a job. It is written to Kafka and read by other processes and later versions, so it never changes:
// FNV-1a (64 bits) over the bytes of "<run> <attempt> <hops> <id>", numbers in decimal, then MurmurHash3's 64-bit
// finaliser, which spreads the differences of short texts over all bits.
//
// Two different tries have the same one by chance once in 2^64; beside 10,000 others, once in 10^15. Against somebody
// who makes up ids that collide it does not help; who may submit such ids could as well submit the other job's.
Fingerprint fingerprint(std::string_view id, int run, int attempt, int hops);
// Nothing: the job has no id of its own, and is never taken for another one.
std::optional<Fingerprint> fingerprint(const jobqueue::JobHeaders& headers);

class FinishedWindow {
public:
    // At most 2^31; 0: nothing is ever known.
    explicit FinishedWindow(std::size_t capacity = 10'000);

    // False when it is known; it keeps its age then. In a full window the oldest one makes room.
    bool add(Fingerprint print);

    // It was not finished after all. False when it was not known.
    bool forget(Fingerprint print);

    bool contains(Fingerprint print) const;
    std::size_t size() const { return size_; }
    std::size_t memory_bytes() const;

private:
    using Index = std::uint32_t;
    static constexpr Index none = std::numeric_limits<Index>::max();

    // A list from the oldest to the newest, in a vector; free entries are a list too, by `newer`.
    struct Entry {
        Fingerprint print;
        Index older, newer;
    };

    std::size_t home(Fingerprint print) const { return print & (table_.size() - 1); }
    std::size_t find(Fingerprint print) const;  // its place in the table, or the free one where it belongs
    Index new_entry();
    void grow_table();
    void remove(std::size_t place);

    std::size_t capacity_;
    std::size_t size_ = 0;
    std::vector<Entry> entries_;
    std::vector<Index> table_;  // of entries, by fingerprint: open addressing, at most 3/4 full
    Index oldest_ = none, newest_ = none, free_ = none;
};

}  // namespace drover::sidecar
