#include "gateway/core/delayed_jobs.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "src/base/digest.h"

namespace drover::gateway {
namespace {

std::optional<unsigned> hex_digit(char c) {  // lower case only: two texts must not be one id
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    return std::nullopt;
}

// 8-4-4-4-12 digits, or 32 of them.
std::optional<std::array<std::uint64_t, 2>> read_hex(std::string_view text, bool dashes) {
    std::array<std::uint64_t, 2> id{};
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (dashes && (i == 8 || i == 13 || i == 18 || i == 23)) {
            if (text[i] != '-') return std::nullopt;
            continue;
        }
        const std::optional<unsigned> digit = hex_digit(text[i]);
        if (!digit || digits == 32) return std::nullopt;
        id[digits / 16] = id[digits / 16] << 4 | *digit;
        ++digits;
    }
    if (digits != 32) return std::nullopt;
    return id;
}

}  // namespace

DelayedJobs::Id DelayedJobs::id_of(std::string_view job_id) {
    if (job_id.size() == 36) {
        if (const auto id = read_hex(job_id, true)) return *id;
    }
    return read_hex(std::string_view(sha256_hex(job_id)).substr(0, 32), false).value_or(Id{});
}

std::optional<DelayedJobs::Place> DelayedJobs::put(std::string_view job_id, std::string_view queue, Time due,
                                                   Place place) {
    const Id id = id_of(job_id);
    if (const Handle known = find(id); known != none) {
        Entry& entry = entries_[known];
        const Place former = std::exchange(entry.place, place);
        entry.due = due;
        --counts_[entry.queue];
        entry.queue = queue_number(queue);
        ++counts_[entry.queue];
        if (entry.state == State::waiting) {
            sift_up(entry.heap_place);
            sift_down(entry.heap_place);
        }
        return former;
    }
    Handle handle = static_cast<Handle>(entries_.size());
    if (free_.empty()) {
        entries_.emplace_back();
    } else {
        handle = free_.back();
        free_.pop_back();
    }
    Entry& entry = entries_[handle];
    entry.id = id;
    entry.due = due;
    entry.place = place;
    entry.queue = queue_number(queue);
    entry.state = State::waiting;
    ++counts_[entry.queue];
    ++size_;
    if (index_.size() < 16 || size_ * 4 > index_.size() * 3) {
        grow_index();
    } else {
        index(handle);
    }
    push(handle);
    return std::nullopt;
}

std::optional<DelayedJobs::Place> DelayedJobs::remove(std::string_view job_id) {
    const Id id = id_of(job_id);
    const Handle handle = find(id);
    if (handle == none) return std::nullopt;
    remove_from_index(id);
    Entry& entry = entries_[handle];
    if (entry.state == State::waiting) pop(entry.heap_place);
    entry.state = State::free;
    --counts_[entry.queue];
    --size_;
    free_.push_back(handle);
    return entry.place;
}

bool DelayedJobs::is_taken(std::string_view job_id) const {
    const Handle handle = find(id_of(job_id));
    return handle != none && entries_[handle].state == State::taken;
}

std::optional<Time> DelayedJobs::next() const {
    if (heap_.empty()) return std::nullopt;
    return entries_[heap_.front()].due;
}

std::vector<DelayedJobs::Taken> DelayedJobs::take_due(Time now, std::size_t most) {
    std::vector<Taken> taken;
    while (taken.size() < most && !heap_.empty() && entries_[heap_.front()].due <= now) {
        const Handle handle = heap_.front();
        pop(0);
        Entry& entry = entries_[handle];
        entry.state = State::taken;
        taken.push_back({handle, entry.place, entry.due});
    }
    return taken;
}

std::optional<DelayedJobs::Taken> DelayedJobs::take(std::string_view job_id) {
    const Handle handle = find(id_of(job_id));
    if (handle == none || entries_[handle].state != State::waiting) return std::nullopt;
    Entry& entry = entries_[handle];
    pop(entry.heap_place);
    entry.state = State::taken;
    return Taken{handle, entry.place, entry.due};
}

void DelayedJobs::put_back(Handle handle, Time at) {
    if (handle >= entries_.size() || entries_[handle].state != State::taken) return;
    entries_[handle].state = State::waiting;
    entries_[handle].due = std::max(entries_[handle].due, at);
    push(handle);
}

std::map<std::string, std::int64_t> DelayedJobs::waiting() const {
    std::map<std::string, std::int64_t> by_queue;
    for (std::size_t i = 0; i < queues_.size(); ++i) {
        if (counts_[i] > 0) by_queue.emplace(queues_[i], counts_[i]);
    }
    return by_queue;
}

// --- the index

DelayedJobs::Handle DelayedJobs::find(const Id& id) const {
    if (index_.empty()) return none;
    const std::size_t mask = index_.size() - 1;
    for (std::size_t at = hash_of(id) & mask; index_[at] != none; at = (at + 1) & mask) {
        if (entries_[index_[at]].id == id) return index_[at];
    }
    return none;
}

void DelayedJobs::index(Handle handle) {
    const std::size_t mask = index_.size() - 1;
    std::size_t at = hash_of(entries_[handle].id) & mask;
    while (index_[at] != none) at = (at + 1) & mask;
    index_[at] = handle;
}

void DelayedJobs::grow_index() {
    index_.assign(std::max<std::size_t>(16, index_.size() * 2), none);
    for (Handle handle = 0; handle < entries_.size(); ++handle) {
        if (entries_[handle].state != State::free) index(handle);
    }
}

// What was pushed on by the one that goes moves up: no gap may lie between a hash and its entry.
void DelayedJobs::remove_from_index(const Id& id) {
    const std::size_t mask = index_.size() - 1;
    std::size_t hole = hash_of(id) & mask;
    while (entries_[index_[hole]].id != id) hole = (hole + 1) & mask;
    for (std::size_t at = (hole + 1) & mask; index_[at] != none; at = (at + 1) & mask) {
        const std::size_t wanted = hash_of(entries_[index_[at]].id) & mask;
        if (((at - wanted) & mask) >= ((at - hole) & mask)) {
            index_[hole] = index_[at];
            hole = at;
        }
    }
    index_[hole] = none;
}

// Past 65,535 queues the rest counts as one; nobody has so many.
std::uint16_t DelayedJobs::queue_number(std::string_view queue) {
    const auto found = queue_numbers_.find(queue);
    if (found != queue_numbers_.end()) return found->second;
    if (queues_.size() == std::numeric_limits<std::uint16_t>::max()) return 0;
    const auto number = static_cast<std::uint16_t>(queues_.size());
    queues_.emplace_back(queue);
    counts_.push_back(0);
    queue_numbers_.emplace(queue, number);
    return number;
}

// --- the heap: four children each, which is half as deep as two

void DelayedJobs::set_heap(std::size_t heap_place, Handle handle) {
    heap_[heap_place] = handle;
    entries_[handle].heap_place = static_cast<std::uint32_t>(heap_place);
}

void DelayedJobs::push(Handle handle) {
    heap_.push_back(handle);
    set_heap(heap_.size() - 1, handle);
    sift_up(heap_.size() - 1);
}

void DelayedJobs::pop(std::size_t heap_place) {
    const Handle last = heap_.back();
    heap_.pop_back();
    if (heap_place == heap_.size()) return;
    set_heap(heap_place, last);
    sift_up(heap_place);
    sift_down(entries_[last].heap_place);
}

void DelayedJobs::sift_up(std::size_t heap_place) {
    const Handle handle = heap_[heap_place];
    while (heap_place > 0) {
        const std::size_t parent = (heap_place - 1) / 4;
        if (!is_before(handle, heap_[parent])) break;
        set_heap(heap_place, heap_[parent]);
        heap_place = parent;
    }
    set_heap(heap_place, handle);
}

void DelayedJobs::sift_down(std::size_t heap_place) {
    const Handle handle = heap_[heap_place];
    while (true) {
        const std::size_t first = heap_place * 4 + 1;
        if (first >= heap_.size()) break;
        std::size_t least = first;
        for (std::size_t child = first + 1; child < std::min(first + 4, heap_.size()); ++child) {
            if (is_before(heap_[child], heap_[least])) least = child;
        }
        if (!is_before(heap_[least], handle)) break;
        set_heap(heap_place, heap_[least]);
        heap_place = least;
    }
    set_heap(heap_place, handle);
}

}  // namespace drover::gateway
