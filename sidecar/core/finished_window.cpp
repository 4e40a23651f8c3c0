#include "sidecar/core/finished_window.h"

#include <algorithm>
#include <string>

namespace drover::sidecar {
namespace {

std::uint64_t fnv1a(std::uint64_t hash, std::string_view bytes) {
    for (const char byte : bytes) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x0000'0100'0000'01B3;
    }
    return hash;
}

}  // namespace

Fingerprint fingerprint(std::string_view id, int run, int attempt, int hops) {
    std::uint64_t hash = 0xCBF2'9CE4'8422'2325;
    for (const int number : {run, attempt, hops}) {
        hash = fnv1a(hash, std::to_string(number));
        hash = fnv1a(hash, " ");
    }
    hash = fnv1a(hash, id);
    hash ^= hash >> 33;
    hash *= 0xFF51'AFD7'ED55'8CCD;
    hash ^= hash >> 33;
    hash *= 0xC4CE'B9FE'1A85'EC53;
    hash ^= hash >> 33;
    return hash;
}

std::optional<Fingerprint> fingerprint(const jobqueue::JobHeaders& headers) {
    if (headers.id.empty()) return std::nullopt;
    return fingerprint(headers.id, headers.run, headers.attempts_made, headers.hops);
}

FinishedWindow::FinishedWindow(std::size_t capacity) : capacity_(std::min<std::size_t>(capacity, 1U << 31)) {}

bool FinishedWindow::add(Fingerprint print) {
    if (capacity_ == 0) return true;
    if (contains(print)) return false;
    if (size_ == capacity_) remove(find(entries_[oldest_].print));
    if ((size_ + 1) * 4 > table_.size() * 3) grow_table();
    const Index index = new_entry();
    entries_[index] = {.print = print, .older = newest_, .newer = none};
    (newest_ == none ? oldest_ : entries_[newest_].newer) = index;
    newest_ = index;
    table_[find(print)] = index;
    ++size_;
    return true;
}

bool FinishedWindow::forget(Fingerprint print) {
    if (!contains(print)) return false;
    remove(find(print));
    return true;
}

bool FinishedWindow::contains(Fingerprint print) const { return size_ > 0 && table_[find(print)] != none; }

std::size_t FinishedWindow::memory_bytes() const {
    return entries_.capacity() * sizeof(Entry) + table_.capacity() * sizeof(Index);
}

std::size_t FinishedWindow::find(Fingerprint print) const {
    std::size_t place = home(print);
    while (table_[place] != none && entries_[table_[place]].print != print) place = (place + 1) & (table_.size() - 1);
    return place;
}

FinishedWindow::Index FinishedWindow::new_entry() {
    if (free_ != none) {
        const Index index = free_;
        free_ = entries_[index].newer;
        return index;
    }
    // Not left to the vector: it would double past the capacity.
    if (entries_.size() == entries_.capacity()) {
        entries_.reserve(std::min(capacity_, std::max<std::size_t>(16, 2 * entries_.size())));
    }
    entries_.emplace_back();
    return static_cast<Index>(entries_.size() - 1);
}

void FinishedWindow::grow_table() {
    table_ = std::vector<Index>(std::max<std::size_t>(16, 2 * table_.size()), none);
    for (Index index = oldest_; index != none; index = entries_[index].newer)
        table_[find(entries_[index].print)] = index;
}

void FinishedWindow::remove(std::size_t place) {
    const Index index = table_[place];
    const Entry entry = entries_[index];
    (entry.older == none ? oldest_ : entries_[entry.older].newer) = entry.newer;
    (entry.newer == none ? newest_ : entries_[entry.newer].older) = entry.older;
    entries_[index].newer = free_;
    free_ = index;
    --size_;

    // What stands behind the gap moves up where it would not be found otherwise.
    const std::size_t mask = table_.size() - 1;
    std::size_t gap = place;
    for (std::size_t at = (gap + 1) & mask; table_[at] != none; at = (at + 1) & mask) {
        const std::size_t displaced_by = (at - home(entries_[table_[at]].print)) & mask;
        if (displaced_by < ((at - gap) & mask)) continue;
        table_[gap] = table_[at];
        gap = at;
    }
    table_[gap] = none;
}

}  // namespace drover::sidecar
