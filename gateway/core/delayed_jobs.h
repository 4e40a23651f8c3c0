// The jobs of one partition of drover.delayed that wait: which is due first. Pure. Room: gateway/core.
//
// A million take 70 MB whatever their size: of a job it has the time, a number for its id and queue, and the place
// where its shell keeps the rest (payload_file.h). Every operation is of order log n or less.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/time.h"

namespace drover::gateway {

class DelayedJobs {
public:
    struct Place {  // where the shell has the job; it means nothing here
        std::uint64_t position = 0;
        std::uint32_t size = 0;
        bool operator==(const Place&) const = default;
    };
    using Handle = std::uint32_t;  // of a job that was taken, until it is put back or removed
    struct Taken {
        Handle handle = 0;
        Place place;
        Time due{};
    };

    // A job that waits already is replaced; the answer is its former place. One that was taken stays taken.
    std::optional<Place> put(std::string_view job_id, std::string_view queue, Time due, Place place);
    // Dispatched, cancelled. Nothing: it does not wait.
    std::optional<Place> remove(std::string_view job_id);
    bool contains(std::string_view job_id) const { return find(id_of(job_id)) != none; }
    bool is_taken(std::string_view job_id) const;

    // The time of the first that is not taken.
    std::optional<Time> next() const;
    // Takes at most `most` that are due at `now`, first the earliest. They are not due until they are put back.
    std::vector<Taken> take_due(Time now, std::size_t most);
    // Takes this one, due or not. Nothing: it does not wait, or was taken before.
    std::optional<Taken> take(std::string_view job_id);
    // It was not dispatched: due again at `at`, or at its own time, if that is later. No matter where it is gone.
    void put_back(Handle handle, Time at);

    std::size_t size() const { return size_; }
    std::map<std::string, std::int64_t> waiting() const;  // by queue, taken ones too

    // Calls `move` with the place of each of the next `most` jobs, from `cursor` on, which keeps what it answers. For a
    // shell that tidies up: begin with 0; false when all have been visited.
    template <class Move>
    bool relocate(Handle& cursor, std::size_t most, Move move) {
        for (; most > 0 && cursor < entries_.size(); --most, ++cursor) {
            Entry& entry = entries_[cursor];
            if (entry.state != State::free) entry.place = move(entry.place);
        }
        return cursor < entries_.size();
    }

private:
    using Id = std::array<std::uint64_t, 2>;  // a UUID's bits, or of other ids a digest's
    enum class State : std::uint8_t { free, waiting, taken };
    struct Entry {
        Id id{};
        Time due{};
        Place place;
        std::uint32_t heap_place = 0;
        std::uint16_t queue = 0;
        State state = State::free;
    };
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    static Id id_of(std::string_view job_id);
    static std::size_t hash_of(const Id& id) { return static_cast<std::size_t>(id[0] ^ id[1] * 0x9E3779B97F4A7C15U); }

    Handle find(const Id& id) const;
    void index(Handle handle);
    void grow_index();
    void remove_from_index(const Id& id);
    std::uint16_t queue_number(std::string_view queue);

    void push(Handle handle);
    void pop(std::size_t heap_place);
    void sift_up(std::size_t heap_place);
    void sift_down(std::size_t heap_place);
    bool is_before(Handle a, Handle b) const { return entries_[a].due < entries_[b].due; }
    void set_heap(std::size_t heap_place, Handle handle);

    std::deque<Entry> entries_;  // by handle
    std::vector<Handle> free_;
    std::vector<Handle> heap_;   // of those that wait: the earliest first
    std::vector<Handle> index_;  // open addressing by id; a power of two, at most three quarters full
    std::size_t size_ = 0;
    std::vector<std::string> queues_;
    std::vector<std::int64_t> counts_;  // of the queue of the same number
    std::map<std::string, std::uint16_t, std::less<>> queue_numbers_;
};

}  // namespace drover::gateway
