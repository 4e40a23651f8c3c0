// The spool's files: entries that wait for Kafka, in segments that are only appended to. Room: gateway/submit. One
// thread; calls block.
//
//   <number>.spool      a segment, named after its first entry. An entry: magic, length, number, time in milliseconds,
//                       CRC-32C of these and of the bytes, then the bytes. Little endian.
//   position            two slots, written in turn: below which number everything is relayed, and below which one
//                       everything may have been tried.
//   damaged-<segment>-<offset>  bytes that are no entry, with entries after them
//   refused             entries that the owner gave up, in the same format
//
// Numbers only grow; some may be missing. An entry is safe once sync() has succeeded. After a crash the end of the last
// segment may hold a part of an entry that nobody was told of: it is cut off. Bytes that are no entry anywhere else are
// damage: they are skipped and kept.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/submit/disk.h"
#include "src/base/result.h"
#include "src/base/time.h"

namespace drover::gateway {

using SpoolNumber = std::uint64_t;

struct SpoolEntry {
    SpoolNumber number = 0;
    Time at{};
    std::string bytes;
    bool operator==(const SpoolEntry&) const = default;
};

class SpoolLog {
public:
    struct Options {
        std::uint64_t limit = std::uint64_t{1} << 30;           // bytes of all segments
        std::uint64_t segment_bytes = std::uint64_t{16} << 20;  // then the next one begins
    };
    struct Damage {
        std::string file;  // that keeps the bytes; "": they could not be copied
        std::uint64_t bytes = 0;
    };

    // An Error where the folder cannot be read and written.
    static Result<std::unique_ptr<SpoolLog>> open(std::unique_ptr<Folder> folder, Options options);

    // For the next sync(). `unavailable` where the spool is full.
    Result<SpoolNumber> append(std::string_view bytes, Time at);
    // All that was appended since the last one is safe, or none of it was taken.
    Result<void> sync();

    // The next safe entries, at most `bytes` of them but at least one; none: it has read them all.
    Result<std::vector<SpoolEntry>> read(std::size_t bytes);

    // Below `relayed` everything is done, and its segments go; below `tried` somebody may have had it. Both only grow.
    // Safe when it returns without an Error.
    Result<void> mark(SpoolNumber relayed, SpoolNumber tried);

    // Keeps an entry aside, safely.
    Result<void> refuse(const SpoolEntry& entry);

    // As it was opened, and since then.
    std::uint64_t found() const { return found_; }  // entries to relay
    SpoolNumber tried_before() const { return tried_before_; }
    SpoolNumber relayed() const { return relayed_; }
    SpoolNumber next_number() const { return next_number_; }
    std::uint64_t cut() const { return cut_; }  // bytes at the end
    std::uint64_t bytes() const { return bytes_ + batch_.size(); }
    std::vector<Damage> damages() { return std::exchange(damages_, {}); }  // since the last call

private:
    struct Segment {
        SpoolNumber first = 0;
        SpoolNumber last = 0;  // 0: none
        std::uint64_t size = 0;
        std::unique_ptr<File> file;
    };
    SpoolLog(std::unique_ptr<Folder> folder, Options options) : folder_(std::move(folder)), options_(options) {}
    Result<void> read_position();
    Result<void> write_position();
    Result<void> scan(Segment& segment, bool is_last);
    Result<void> begin_segment(SpoolNumber first);
    void remove_relayed();
    // The next entry at or after `offset`, and where it begins. Nothing: there is none.
    struct Found {
        SpoolEntry entry;
        std::uint64_t begin = 0, end = 0;
    };
    Result<std::optional<Found>> find(Segment& segment, std::uint64_t offset, std::size_t chunk);
    void keep_damage(Segment& segment, std::uint64_t begin, std::uint64_t end);

    std::unique_ptr<Folder> folder_;
    Options options_;
    std::unique_ptr<File> position_;
    bool second_slot_ = false;  // is the one to write
    SpoolNumber relayed_ = 1, tried_ = 1, tried_before_ = 1, next_number_ = 1;
    std::deque<Segment> segments_;
    bool fresh_segment_ = true;  // before the next batch
    std::string batch_;
    SpoolNumber batch_first_ = 0;
    std::uint64_t bytes_ = 0, found_ = 0, cut_ = 0;
    SpoolNumber read_below_ = 1;      // everything below was read
    SpoolNumber read_segment_ = 0;    // where the reader is: the segment's first number,
    std::uint64_t read_offset_ = 0;   // and its offset there
    std::string ahead_;               // bytes that the reader has of that segment,
    std::uint64_t ahead_offset_ = 0;  // from here
    std::set<std::string> known_damage_;
    std::vector<Damage> damages_;
    std::uint64_t refused_size_ = 0;
};

}  // namespace drover::gateway
