#include "gateway/submit/disk.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace drover::gateway {
namespace {

tl::unexpected<Error> failed(const std::string& what, int code) {
    return failure(Error::Code::unavailable, what + ": " + std::generic_category().message(code), true);
}

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

class RealFile final : public File {
public:
    RealFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    Result<void> write(std::uint64_t offset, std::string_view bytes) override {
        while (!bytes.empty()) {
            const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return failed("cannot write " + path_, errno);
            offset += static_cast<std::uint64_t>(written);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
        return {};
    }

    Result<std::string> read(std::uint64_t offset, std::size_t bytes) override {
        std::string data(bytes, '\0');
        std::size_t got = 0;
        while (got < bytes) {
            const ssize_t part = ::pread(fd_.get(), data.data() + got, bytes - got, static_cast<off_t>(offset + got));
            if (part < 0 && errno == EINTR) continue;
            if (part < 0) return failed("cannot read " + path_, errno);
            if (part == 0) break;
            got += static_cast<std::size_t>(part);
        }
        data.resize(got);
        return data;
    }

    Result<std::uint64_t> size() override {
        struct stat status {};
        if (::fstat(fd_.get(), &status) != 0) return failed("cannot read " + path_, errno);
        return static_cast<std::uint64_t>(status.st_size);
    }

    Result<void> truncate(std::uint64_t size) override {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failed("cannot cut " + path_, errno);
        return {};
    }

    Result<void> sync() override {
        if (::fdatasync(fd_.get()) != 0) return failed("cannot sync " + path_, errno);
        return {};
    }

private:
    std::string path_;
    Descriptor fd_;
};

class RealFolder final : public Folder {
public:
    RealFolder(std::string path, Descriptor folder, Descriptor lock)
        : path_(std::move(path)), folder_(std::move(folder)), lock_(std::move(lock)) {}

    Result<std::vector<std::string>> list() override {
        std::error_code error;
        std::vector<std::string> names;
        for (std::filesystem::directory_iterator each(path_, error), end; !error && each != end;
             each.increment(error)) {
            names.push_back(each->path().filename().string());
        }
        if (error) return failed("cannot read " + path_, error.value());
        return names;
    }

    Result<std::unique_ptr<File>> open(const std::string& name) override {
        Descriptor fd(::openat(folder_.get(), name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        std::string path = path_ + "/" + name;
        if (fd.get() < 0) return failed("cannot open " + path, errno);
        return std::make_unique<RealFile>(std::move(path), std::move(fd));
    }

    Result<void> remove(const std::string& name) override {
        if (::unlinkat(folder_.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
            return failed("cannot remove " + path_ + "/" + name, errno);
        }
        return {};
    }

    Result<void> sync() override {
        if (::fsync(folder_.get()) != 0) return failed("cannot sync " + path_, errno);
        return {};
    }

private:
    std::string path_;
    Descriptor folder_;
    Descriptor lock_;  // held as long as it is open
};

}  // namespace

Result<std::unique_ptr<Folder>> open_folder(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return failed("cannot make " + path, error.value());
    Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0) return failed("cannot open " + path, errno);
    Descriptor lock(::openat(folder.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.get() < 0) return failed("cannot write in " + path, errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) return failure(Error::Code::conflict, path + " is another process's");
        return failed("cannot lock " + path, errno);
    }
    // The folder's own name survives a power cut.
    const std::filesystem::path above = std::filesystem::absolute(path).lexically_normal().parent_path();
    const Descriptor parent(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() >= 0 && ::fsync(parent.get()) != 0) return failed("cannot sync " + above.string(), errno);
    return std::make_unique<RealFolder>(path, std::move(folder), std::move(lock));
}

}  // namespace drover::gateway
