#include "gateway/scheduler/payload_file.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace drover::gateway {
namespace {

// A position's two highest bits.
constexpr std::uint64_t in_second_file = 1ULL << 63;
constexpr std::uint64_t in_memory = 1ULL << 62;
constexpr std::uint64_t offset_bits = in_memory - 1;

constexpr std::uint64_t worth_tidying = 64ULL << 20;

std::string last_error() { return std::generic_category().message(errno); }

int open_unnamed(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return descriptor;
    std::string name = (folder / "delayed-XXXXXX").string();  // a file system that has none
    const int named = ::mkostemp(name.data(), O_CLOEXEC);
    if (named >= 0) ::unlink(name.c_str());
    return named;
}

}  // namespace

PayloadFile::~PayloadFile() {
    for (File& each : files_) close(each);
}

void PayloadFile::close(File& file) {
    if (file.descriptor >= 0) ::close(file.descriptor);
    file = File{};
}

bool PayloadFile::write(std::string_view bytes) {
    File& file = files_[current_];
    if (file.descriptor < 0 && (file.descriptor = open_unnamed(folder_)) < 0) {
        trouble_ = folder_.string() + ": " + last_error();
        return false;
    }
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t written =
            ::pwrite(file.descriptor, bytes.data() + done, bytes.size() - done, static_cast<off_t>(file.end + done));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            trouble_ = folder_.string() + ": " + last_error();
            return false;
        }
        done += static_cast<std::size_t>(written);
    }
    trouble_.clear();
    return true;
}

PayloadFile::Place PayloadFile::append(std::string_view bytes) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    if (!write(bytes)) {
        kept_.emplace(next_kept_, bytes);
        return {in_memory | next_kept_++, size};
    }
    File& file = files_[current_];
    const Place place{(current_ == 1 ? in_second_file : 0) | file.end, size};
    file.end += size;
    file.live += size;
    return place;
}

Result<std::string> PayloadFile::read(Place place) const {
    if ((place.position & in_memory) != 0) {
        const auto found = kept_.find(place.position & offset_bits);
        if (found == kept_.end()) return failure(Error::Code::internal, "a job that was kept is gone");
        return found->second;
    }
    const File& file = files_[(place.position & in_second_file) != 0 ? 1 : 0];
    std::string bytes(place.size, '\0');
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t got = ::pread(file.descriptor, bytes.data() + done, bytes.size() - done,
                                    static_cast<off_t>((place.position & offset_bits) + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return failure(Error::Code::unavailable, folder_.string() + ": " + last_error(), true);
        done += static_cast<std::size_t>(got);
    }
    return bytes;
}

void PayloadFile::forget(Place place) {
    if ((place.position & in_memory) != 0) {
        kept_.erase(place.position & offset_bits);
        return;
    }
    files_[(place.position & in_second_file) != 0 ? 1 : 0].live -= place.size;
}

bool PayloadFile::wants_tidying() const {
    const File& file = files_[current_];
    return !is_tidying_ && file.end - file.live > worth_tidying && file.live < file.end / 2;
}

void PayloadFile::begin_tidying() {
    current_ = 1 - current_;
    is_tidying_ = true;
}

PayloadFile::Place PayloadFile::tidy(Place place) {
    const bool in_current =
        (place.position & in_memory) == 0 && ((place.position & in_second_file) != 0) == (current_ == 1);
    if (in_current) return place;
    const Result<std::string> bytes = read(place);
    if (!bytes) {
        trouble_ = bytes.error().message;
        return place;
    }
    const Place moved = append(*bytes);
    forget(place);
    return moved;
}

void PayloadFile::end_tidying() {
    is_tidying_ = false;
    File& old = files_[1 - current_];
    if (old.live == 0) close(old);
}

}  // namespace drover::gateway
