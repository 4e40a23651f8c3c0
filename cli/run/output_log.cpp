#include "cli/run/output_log.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace drover::cli {

OutputLog::OutputLog(std::filesystem::path file, std::uint64_t limit) : path_(std::move(file)), limit_(limit) {
    open();
}

void OutputLog::open() {
    errno = 0;
    out_.open(path_, std::ios::app | std::ios::binary);
    std::error_code unknown;
    const std::uintmax_t size = std::filesystem::file_size(path_, unknown);
    size_ = unknown ? 0 : size;
    if (!out_) problem_ = "cannot write " + path_.string() + ": " + std::strerror(errno);
}

void OutputLog::rotate() {
    out_.close();
    std::error_code error;
    std::filesystem::rename(path_, path_.string() + ".1", error);
    if (error) problem_ = "cannot rename " + path_.string() + ": " + error.message();
    open();
}

void OutputLog::write(Stream stream, std::string_view line) {
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
        (stream == Stream::err ? last_err_ : last_out_) = line.substr(0, 1024);
    }
    if (size_ >= limit_) rotate();
    errno = 0;
    out_ << line << '\n' << std::flush;
    if (out_) {
        size_ += line.size() + 1;
    } else {
        if (problem_.empty()) problem_ = "cannot write " + path_.string() + ": " + std::strerror(errno);
        out_.clear();  // the disk may have room again
    }
}

void OutputLog::forget_last_words() {
    last_out_.clear();
    last_err_.clear();
}

}  // namespace drover::cli
