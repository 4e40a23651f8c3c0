#include "src/jobqueue/commit_metadata.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "src/base/base64.h"

namespace drover::jobqueue {
namespace {

constexpr char version = '1';
constexpr std::size_t max_attempt_entries = 256;
constexpr std::uint64_t max_due_millis = std::uint64_t{1} << 43;  // in 2248

std::uint64_t due_millis(const OffsetAttempts& entry) {
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(entry.due_at).time_since_epoch().count();
    return std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(millis, 0)), max_due_millis);
}

void put_varint(std::string& out, std::uint64_t value) {
    while (value >= 0x80) {
        out.push_back(static_cast<char>(value | 0x80));
        value >>= 7;
    }
    out.push_back(static_cast<char>(value));
}

std::size_t varint_size(std::uint64_t value) {
    std::size_t size = 1;
    while (value >= 0x80) {
        value >>= 7;
        ++size;
    }
    return size;
}

class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}

    std::optional<std::uint64_t> varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            if (bytes_.empty()) return std::nullopt;
            const auto byte = static_cast<unsigned char>(bytes_.front());
            bytes_.remove_prefix(1);
            if (shift == 63 && byte > 1) return std::nullopt;
            value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        return std::nullopt;
    }
    bool at_end() const { return bytes_.empty(); }
    std::string_view rest() const { return bytes_; }

private:
    std::string_view bytes_;
};

// The runs that can be told: above `committed`, ascending and apart, within the window. What a caller got wrong is left
// out, since one such run would make the whole text unreadable.
std::vector<OffsetRun> tellable(const std::vector<OffsetRun>& runs, std::int64_t committed) {
    std::vector<OffsetRun> tidy;
    std::int64_t end = committed;
    for (const OffsetRun& run : runs) {
        if (run.first < end || (run.first == end && !tidy.empty()) || run.count <= 0) continue;
        if (run.first - committed > max_finished_window - std::min(run.count, max_finished_window)) break;
        tidy.push_back(run);
        end = run.first + run.count;
    }
    return tidy;
}

// As many runs as fit into `room` bytes.
std::string encode_runs(const std::vector<OffsetRun>& runs, std::int64_t committed, std::size_t room) {
    std::string out;
    std::int64_t position = committed;
    for (const OffsetRun& run : runs) {
        const auto gap = static_cast<std::uint64_t>(run.first - position);
        const auto count = static_cast<std::uint64_t>(run.count);
        if (out.size() + varint_size(gap) + varint_size(count) > room) break;
        put_varint(out, gap);
        put_varint(out, count);
        position = run.first + run.count;
    }
    return out;
}

// As many offsets as fit into `room` bytes.
std::string encode_bits(const std::vector<OffsetRun>& runs, std::int64_t committed, std::size_t room) {
    const std::int64_t end = runs.empty() ? committed : runs.back().first + runs.back().count;
    const auto bits = static_cast<std::size_t>(end - committed);
    std::string out(std::min((bits + 7) / 8, room), '\0');
    const auto last = static_cast<std::int64_t>(out.size() * 8);
    for (const OffsetRun& run : runs) {
        for (std::int64_t i = run.first - committed; i < std::min(last, run.first - committed + run.count); ++i) {
            auto& byte = out[static_cast<std::size_t>(i / 8)];
            byte = static_cast<char>(static_cast<unsigned char>(byte) | 1U << (i % 8));
        }
    }
    return out;
}

bool decode_runs(Reader reader, std::int64_t committed, std::vector<OffsetRun>& runs) {
    std::int64_t position = 0;
    while (!reader.at_end()) {
        const auto gap = reader.varint(), count = reader.varint();
        constexpr auto limit = static_cast<std::uint64_t>(max_finished_window);
        if (!gap || !count || *count == 0 || *gap > limit || *count > limit) return false;
        if (*gap == 0 && !runs.empty()) return false;  // it would be one run
        const std::int64_t first = position + static_cast<std::int64_t>(*gap);
        position = first + static_cast<std::int64_t>(*count);
        if (position > max_finished_window) return false;
        runs.push_back({committed + first, static_cast<std::int64_t>(*count)});
    }
    return true;
}

void decode_bits(std::string_view bytes, std::int64_t committed, std::vector<OffsetRun>& runs) {
    for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
        if ((static_cast<unsigned char>(bytes[i / 8]) >> (i % 8) & 1) == 0) continue;
        const std::int64_t offset = committed + static_cast<std::int64_t>(i);
        if (!runs.empty() && runs.back().first + runs.back().count == offset) {
            ++runs.back().count;
        } else {
            runs.push_back({offset, 1});
        }
    }
}

}  // namespace

std::int64_t CommitMetadata::finished_count() const {
    std::int64_t sum = 0;
    for (const OffsetRun& run : finished) sum += run.count;
    return sum;
}

std::string encode_commit_metadata(const CommitMetadata& metadata, std::int64_t committed, std::size_t max_bytes) {
    const std::size_t room = max_bytes < 5 ? 0 : (max_bytes - 1) / 4 * 3;  // bytes that base64 has place for
    std::string bytes;
    put_varint(bytes, metadata.busy_micros);
    put_varint(bytes, metadata.completions);

    // Attempts may take a quarter of the room: without them a job gets a try too many, without the map it runs twice.
    std::string attempts;
    std::uint64_t earliest = max_due_millis;
    for (const OffsetAttempts& entry : metadata.attempts) earliest = std::min(earliest, due_millis(entry));
    put_varint(attempts, earliest);
    std::size_t entries = 0;
    std::int64_t position = committed;
    for (const OffsetAttempts& entry : metadata.attempts) {
        if (entry.offset < position || (entry.offset == position && entries > 0)) continue;
        if (entry.offset - committed > max_finished_window) break;
        const std::size_t before = attempts.size();
        put_varint(attempts, static_cast<std::uint64_t>(entry.offset - position));
        put_varint(attempts, static_cast<std::uint64_t>(std::max(entry.attempts, 0)));
        put_varint(attempts, due_millis(entry) - earliest);
        if (entries == max_attempt_entries || attempts.size() > room / 4) {
            attempts.resize(before);
            break;
        }
        position = entry.offset;
        ++entries;
    }
    put_varint(bytes, entries);
    if (entries > 0) bytes += attempts;

    if (room < bytes.size() + 1) return {};  // too little for anything that could be read back
    const std::size_t left = room - bytes.size() - 1;
    const CommitMetadata map{.finished = tellable(metadata.finished, committed)};
    const std::string runs = encode_runs(map.finished, committed, left);
    const std::string bits = encode_bits(map.finished, committed, left);
    // Each is cut where the room ends: the one that tells of more offsets wins, then the shorter one.
    const auto told = [&](char kind, const std::string& encoded) {
        std::vector<OffsetRun> read;
        if (kind == 0) {
            decode_runs(Reader(encoded), committed, read);
        } else {
            decode_bits(encoded, committed, read);
        }
        return CommitMetadata{.finished = std::move(read)}.finished_count();
    };
    const std::int64_t all = map.finished_count();
    const bool runs_whole = told(0, runs) == all;
    const bool take_runs =
        runs_whole ? runs.size() <= bits.size() || told(1, bits) != all : told(0, runs) >= told(1, bits);
    bytes.push_back(take_runs ? '\0' : '\1');
    bytes += take_runs ? runs : bits;
    return version + base64_encode(bytes);
}

std::optional<CommitMetadata> decode_commit_metadata(std::string_view text, std::int64_t committed) {
    if (text.empty() || text.front() != version || text.size() > max_commit_metadata_bytes) return std::nullopt;
    if (committed < 0 || committed > std::numeric_limits<std::int64_t>::max() - max_finished_window)
        return std::nullopt;
    const std::optional<std::string> bytes = base64_decode(text.substr(1));
    if (!bytes) return std::nullopt;
    Reader reader(*bytes);
    const auto busy = reader.varint(), completions = reader.varint(), entries = reader.varint();
    if (!busy || !completions || !entries || *entries > max_attempt_entries) return std::nullopt;
    CommitMetadata metadata;
    metadata.busy_micros = *busy;
    metadata.completions = *completions;
    std::int64_t position = 0;
    const auto earliest = *entries > 0 ? reader.varint() : std::uint64_t{0};
    if (!earliest || *earliest > max_due_millis) return std::nullopt;
    for (std::uint64_t i = 0; i < *entries; ++i) {
        const auto gap = reader.varint(), attempts = reader.varint(), wait = reader.varint();
        if (!gap || !attempts || !wait || *gap > static_cast<std::uint64_t>(max_finished_window)) return std::nullopt;
        if (*wait > max_due_millis - *earliest) return std::nullopt;
        if (*attempts > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) return std::nullopt;
        if (*gap == 0 && i > 0) return std::nullopt;
        position += static_cast<std::int64_t>(*gap);
        if (position > max_finished_window) return std::nullopt;
        metadata.attempts.push_back({committed + position, static_cast<int>(*attempts),
                                     time_from_millis(static_cast<std::int64_t>(*earliest + *wait))});
    }
    const auto kind = reader.varint();
    if (!kind || *kind > 1) return std::nullopt;
    if (*kind == 1) {
        decode_bits(reader.rest(), committed, metadata.finished);
    } else if (!decode_runs(reader, committed, metadata.finished)) {
        return std::nullopt;
    }
    return metadata;
}

}  // namespace drover::jobqueue
