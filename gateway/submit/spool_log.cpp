#include "gateway/submit/spool_log.h"

#include <algorithm>
#include <array>

#include "gateway/submit/crc32c.h"

namespace drover::gateway {
namespace {

constexpr std::uint32_t entry_magic = 0x31454f44;     // "DOE1"
constexpr std::uint32_t position_magic = 0x31504f44;  // "DOP1"
constexpr std::size_t header_bytes = 28;
constexpr std::size_t slot_bytes = 24, slot_distance = 4096;  // a torn write does not reach the other one
constexpr std::uint32_t longest_entry = 256u << 20;
constexpr std::size_t scan_chunk = 1 << 20;

template <class T>
void put(std::string& out, T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

template <class T>
T get(std::string_view bytes, std::size_t at) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        value |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(bytes[at + i])) << (8 * i));
    }
    return value;
}

void put_entry(std::string& out, SpoolNumber number, Time at, std::string_view bytes) {
    std::string head;
    put<std::uint32_t>(head, entry_magic);
    put<std::uint32_t>(head, static_cast<std::uint32_t>(bytes.size()));
    put<std::uint64_t>(head, number);
    put<std::uint64_t>(head, static_cast<std::uint64_t>(to_millis(at)));
    put<std::uint32_t>(head, crc32c(bytes, crc32c(head)));
    out += head;
    out += bytes;
}

// How long the entry is that these bytes begin with, by what its head says; 0: they are no head.
std::size_t entry_bytes(std::string_view bytes) {
    if (bytes.size() < header_bytes || get<std::uint32_t>(bytes, 0) != entry_magic) return 0;
    const auto length = get<std::uint32_t>(bytes, 4);
    return length > longest_entry ? 0 : header_bytes + length;
}

std::optional<SpoolEntry> parse_entry(std::string_view bytes) {
    const std::size_t size = entry_bytes(bytes);
    if (size == 0 || bytes.size() < size) return std::nullopt;
    const std::string_view body = bytes.substr(header_bytes, size - header_bytes);
    if (crc32c(body, crc32c(bytes.substr(0, 24))) != get<std::uint32_t>(bytes, 24)) return std::nullopt;
    return SpoolEntry{get<std::uint64_t>(bytes, 8),
                      time_from_millis(static_cast<std::int64_t>(get<std::uint64_t>(bytes, 16))), std::string(body)};
}

std::string segment_name(SpoolNumber first) {
    std::string digits = std::to_string(first);
    return std::string(20 - digits.size(), '0') + digits + ".spool";
}

std::optional<SpoolNumber> segment_number(std::string_view name) {
    if (name.size() != 26 || !name.ends_with(".spool")) return std::nullopt;
    SpoolNumber number = 0;
    for (const char digit : name.substr(0, 20)) {
        if (digit < '0' || digit > '9') return std::nullopt;
        number = number * 10 + static_cast<SpoolNumber>(digit - '0');
    }
    return number;
}

}  // namespace

Result<std::unique_ptr<SpoolLog>> SpoolLog::open(std::unique_ptr<Folder> folder, Options options) {
    std::unique_ptr<SpoolLog> log(new SpoolLog(std::move(folder), options));
    const auto names = log->folder_->list();
    if (!names) return tl::unexpected(names.error());
    if (const auto read = log->read_position(); !read) return tl::unexpected(read.error());
    std::vector<SpoolNumber> numbers;
    for (const std::string& name : *names) {
        if (const auto number = segment_number(name)) numbers.push_back(*number);
    }
    std::ranges::sort(numbers);
    log->next_number_ = log->relayed_;
    for (const SpoolNumber number : numbers) {
        auto file = log->folder_->open(segment_name(number));
        if (!file) return tl::unexpected(file.error());
        log->segments_.push_back({.first = number, .file = std::move(*file)});
        const bool is_last = number == numbers.back();
        if (const auto scanned = log->scan(log->segments_.back(), is_last); !scanned) {
            return tl::unexpected(scanned.error());
        }
        // No name is used again, not even that of an empty one.
        log->next_number_ = std::max({log->next_number_, number + 1, log->segments_.back().last + 1});
    }
    log->tried_before_ = log->tried_;
    log->read_below_ = log->relayed_;
    log->remove_relayed();
    // Shows that it can be written, too.
    if (const auto written = log->write_position(); !written) return tl::unexpected(written.error());
    if (const auto synced = log->folder_->sync(); !synced) return tl::unexpected(synced.error());
    return log;
}

Result<void> SpoolLog::read_position() {
    auto file = folder_->open("position");
    if (!file) return tl::unexpected(file.error());
    position_ = std::move(*file);
    for (const bool second : {false, true}) {
        const auto slot = position_->read(second ? slot_distance : 0, slot_bytes);
        if (!slot) return tl::unexpected(slot.error());
        if (slot->size() < slot_bytes || get<std::uint32_t>(*slot, 0) != position_magic) continue;
        if (crc32c(std::string_view(*slot).substr(8)) != get<std::uint32_t>(*slot, 4)) continue;
        const auto relayed = get<std::uint64_t>(*slot, 8), tried = get<std::uint64_t>(*slot, 16);
        if (relayed < relayed_ || (relayed == relayed_ && tried < tried_)) continue;
        relayed_ = relayed;
        tried_ = tried;
        second_slot_ = !second;
    }
    return {};
}

Result<void> SpoolLog::write_position() {
    std::string numbers, slot;
    put<std::uint64_t>(numbers, relayed_);
    put<std::uint64_t>(numbers, tried_);
    put<std::uint32_t>(slot, position_magic);
    put<std::uint32_t>(slot, crc32c(numbers));
    slot += numbers;
    const std::uint64_t offset = second_slot_ ? slot_distance : 0;
    if (auto written = position_->write(offset, slot); !written) return written;
    if (auto synced = position_->sync(); !synced) return synced;
    second_slot_ = !second_slot_;
    return {};
}

Result<void> SpoolLog::scan(Segment& segment, bool is_last) {
    const auto size = segment.file->size();
    if (!size) return tl::unexpected(size.error());
    segment.size = *size;
    for (std::uint64_t offset = 0; offset < segment.size;) {
        const auto next = find(segment, offset, scan_chunk);
        if (!next) return tl::unexpected(next.error());
        if (!*next) {
            if (!is_last) {
                keep_damage(segment, offset, segment.size);
                break;
            }
            cut_ = segment.size - offset;
            if (auto cut = segment.file->truncate(offset); !cut) return cut;
            if (auto synced = segment.file->sync(); !synced) return synced;
            segment.size = offset;
            break;
        }
        if ((*next)->begin > offset) keep_damage(segment, offset, (*next)->begin);
        segment.last = std::max(segment.last, (*next)->entry.number);
        if ((*next)->entry.number >= relayed_) ++found_;
        offset = (*next)->end;
    }
    bytes_ += segment.size;
    ahead_.clear();
    return {};
}

Result<std::optional<SpoolLog::Found>> SpoolLog::find(Segment& segment, std::uint64_t offset, std::size_t chunk) {
    // Makes `ahead_` hold the segment's bytes from `from` on, at least `bytes` of them where there are so many.
    const auto fill = [&](std::uint64_t from, std::size_t bytes) -> Result<void> {
        const bool there =
            read_segment_ == segment.first && from >= ahead_offset_ && from + bytes <= ahead_offset_ + ahead_.size();
        if (there) return {};
        const auto most = static_cast<std::size_t>(segment.size - from);
        auto data = segment.file->read(from, std::min(std::max(bytes, chunk), most));
        if (!data) return tl::unexpected(data.error());
        ahead_ = std::move(*data);
        ahead_offset_ = from;
        read_segment_ = segment.first;
        return {};
    };
    for (std::uint64_t begin = offset; begin + header_bytes <= segment.size; ++begin) {
        if (auto filled = fill(begin, header_bytes); !filled) return tl::unexpected(filled.error());
        const auto rest = [&] {
            return std::string_view(ahead_).substr(
                std::min<std::size_t>(static_cast<std::size_t>(begin - ahead_offset_), ahead_.size()));
        };
        const std::size_t size = entry_bytes(rest());
        if (size == 0 || size > segment.size - begin) continue;
        if (auto filled = fill(begin, size); !filled) return tl::unexpected(filled.error());
        if (auto entry = parse_entry(rest())) return Found{std::move(*entry), begin, begin + size};
    }
    return std::optional<Found>();
}

void SpoolLog::keep_damage(Segment& segment, std::uint64_t begin, std::uint64_t end) {
    const std::string name = "damaged-" + segment_name(segment.first) + "-" + std::to_string(begin);
    if (!known_damage_.insert(name).second) return;
    Damage damage{.file = name, .bytes = end - begin};
    const auto copy = [&]() -> Result<void> {
        auto file = folder_->open(name);
        if (!file) return tl::unexpected(file.error());
        const auto bytes = segment.file->read(begin, static_cast<std::size_t>(end - begin));
        if (!bytes) return tl::unexpected(bytes.error());
        if (auto written = (*file)->write(0, *bytes); !written) return written;
        if (auto synced = (*file)->sync(); !synced) return synced;
        return folder_->sync();
    };
    if (!copy()) damage.file.clear();
    damages_.push_back(std::move(damage));
}

Result<SpoolNumber> SpoolLog::append(std::string_view bytes, Time at) {
    if (bytes.size() > longest_entry || this->bytes() + header_bytes + bytes.size() > options_.limit) {
        return failure(Error::Code::unavailable,
                       "the spool is full: " + std::to_string(this->bytes()) + " bytes wait for Kafka", true);
    }
    if (batch_.empty()) batch_first_ = next_number_;
    put_entry(batch_, next_number_, at, bytes);
    return next_number_++;
}

Result<void> SpoolLog::begin_segment(SpoolNumber first) {
    auto file = folder_->open(segment_name(first));
    if (!file) return tl::unexpected(file.error());
    if (auto synced = folder_->sync(); !synced) return synced;
    segments_.push_back({.first = first, .file = std::move(*file)});
    fresh_segment_ = false;
    return {};
}

Result<void> SpoolLog::sync() {
    if (batch_.empty()) return {};
    const std::string batch = std::exchange(batch_, {});
    if (segments_.empty() || segments_.back().size >= options_.segment_bytes) fresh_segment_ = true;
    if (fresh_segment_) {
        if (auto begun = begin_segment(batch_first_); !begun) return begun;
    }
    Segment& segment = segments_.back();
    Result<void> done = segment.file->write(segment.size, batch);
    if (done) done = segment.file->sync();
    if (!done) {
        // Whether it is on the disk nobody knows: what comes next goes elsewhere, under other numbers.
        fresh_segment_ = true;
        if (segment.file->truncate(segment.size) && segment.file->sync() && segment.size == 0) {
            if (folder_->remove(segment_name(segment.first))) segments_.pop_back();
        }
        return done;
    }
    segment.size += batch.size();
    segment.last = next_number_ - 1;
    bytes_ += batch.size();
    return {};
}

Result<std::vector<SpoolEntry>> SpoolLog::read(std::size_t bytes) {
    std::vector<SpoolEntry> entries;
    std::size_t size = 0;
    for (Segment& segment : segments_) {
        if (segment.last < read_below_) continue;
        std::uint64_t offset = read_segment_ == segment.first ? read_offset_ : 0;
        while (offset < segment.size) {
            if (size >= bytes && !entries.empty()) return entries;
            auto next = find(segment, offset, std::max<std::size_t>(bytes, 64 * 1024));
            if (!next) {
                if (!entries.empty()) return entries;
                return tl::unexpected(next.error());
            }
            if (!*next) {
                keep_damage(segment, offset, segment.size);
                read_offset_ = offset = segment.size;
                break;
            }
            if ((*next)->begin > offset) keep_damage(segment, offset, (*next)->begin);
            read_offset_ = offset = (*next)->end;
            if ((*next)->entry.number < read_below_) continue;
            read_below_ = (*next)->entry.number + 1;
            size += (*next)->entry.bytes.size();
            entries.push_back(std::move((*next)->entry));
        }
        read_below_ = std::max(read_below_, segment.last + 1);
    }
    return entries;
}

Result<void> SpoolLog::mark(SpoolNumber relayed, SpoolNumber tried) {
    relayed_ = std::max(relayed_, relayed);
    tried_ = std::max({tried_, tried, relayed_});
    next_number_ = std::max(next_number_, relayed_);
    read_below_ = std::max(read_below_, relayed_);
    if (auto written = write_position(); !written) return written;
    remove_relayed();
    return {};
}

// A segment that a power cut brings back is removed when the log is opened.
void SpoolLog::remove_relayed() {
    while (!segments_.empty() && segments_.front().last < relayed_) {
        const bool in_use = segments_.size() == 1 && !fresh_segment_ && segments_.front().size == 0;
        if (in_use || !folder_->remove(segment_name(segments_.front().first))) return;
        bytes_ -= segments_.front().size;
        if (segments_.size() == 1) fresh_segment_ = true;
        if (read_segment_ == segments_.front().first) read_segment_ = 0;
        segments_.pop_front();
    }
}

Result<void> SpoolLog::refuse(const SpoolEntry& entry) {
    auto file = folder_->open("refused");
    if (!file) return tl::unexpected(file.error());
    const auto size = (*file)->size();
    if (!size) return tl::unexpected(size.error());
    std::string bytes;
    put_entry(bytes, entry.number, entry.at, entry.bytes);
    if (auto written = (*file)->write(*size, bytes); !written) return written;
    if (auto synced = (*file)->sync(); !synced) return synced;
    return folder_->sync();
}

}  // namespace drover::gateway
