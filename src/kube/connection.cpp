#include "src/kube/connection.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <tuple>
#include <utility>

namespace drover::kube {
namespace {

class FixedToken final : public Token {
public:
    explicit FixedToken(std::string token) : token_(std::move(token)) {}
    Result<std::string> current() override { return token_; }

private:
    const std::string token_;
};

std::string trimmed(std::string text) {
    constexpr std::string_view blank = " \t\r\n";
    text.erase(text.find_last_not_of(blank) + 1);
    text.erase(0, text.find_first_not_of(blank));
    return text;
}

class FileToken final : public Token {
public:
    explicit FileToken(std::string path) : path_(std::move(path)) {}

    Result<std::string> current() override {
        const std::scoped_lock lock(mutex_);
        struct stat now {};
        if (::stat(path_.c_str(), &now) != 0) {
            return failure(Error::Code::unavailable, "token " + path_ + ": " + std::strerror(errno), true);
        }
        const Mark mark{now.st_dev, now.st_ino, now.st_size, now.st_mtim.tv_sec, now.st_mtim.tv_nsec};
        if (mark_ == mark) return token_;
        auto text = read_file(path_);
        if (!text) return text;
        token_ = trimmed(std::move(*text));
        if (token_.empty()) return failure(Error::Code::unavailable, "token " + path_ + " is empty", true);
        // Marked as it was before it was read: what changes meanwhile is read the next time.
        mark_ = mark;
        return token_;
    }

private:
    using Mark = std::tuple<dev_t, ino_t, off_t, time_t, long>;

    const std::string path_;
    std::mutex mutex_;
    std::optional<Mark> mark_;
    std::string token_;
};

}  // namespace

std::shared_ptr<Token> Token::fixed(std::string token) { return std::make_shared<FixedToken>(std::move(token)); }
std::shared_ptr<Token> Token::from_file(std::string path) { return std::make_shared<FileToken>(std::move(path)); }

Result<std::string> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        const int why = errno;
        const auto code = why == ENOENT ? Error::Code::not_found : Error::Code::unavailable;
        return failure(code, path + ": " + std::strerror(why));
    }
    std::ostringstream text;
    text << file.rdbuf();
    // Of an empty file nothing is copied, which counts as a failure to the target stream only.
    if (file.bad()) return failure(Error::Code::unavailable, path + ": cannot be read");
    return text.str();
}

}  // namespace drover::kube
