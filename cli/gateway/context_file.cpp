#include "cli/gateway/context_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "cli/read_file.h"

namespace drover::cli {
namespace {

tl::unexpected<Error> cannot_write(const std::filesystem::path& file, const std::string& why) {
    return failure(Error::Code::unavailable, "cannot write " + file.string() + ": " + why);
}

Result<void> write_all(int descriptor, std::string_view text, const std::filesystem::path& file) {
    while (!text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return cannot_write(file, std::strerror(errno));
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

}  // namespace

std::filesystem::path context_file(const Environment& environment) {
    if (environment.config_folder.empty()) return {};
    return environment.config_folder / "drover" / "config.yaml";
}

Result<Contexts> read_contexts(const Environment& environment) {
    const std::filesystem::path file = context_file(environment);
    std::error_code error;
    if (file.empty() || !std::filesystem::exists(file, error)) return Contexts{};
    const Result<std::string> text = read_file(file);
    if (!text)
        return failure(Error::Code::invalid,
                       "cannot read the contexts in " + file.string() + ": " + text.error().message);
    ParsedContexts parsed = parse_contexts(*text, file.string());
    if (parsed.problems.empty()) return std::move(parsed.contexts);
    std::string all = "the contexts are wrong:";
    for (const jobqueue::Problem& problem : parsed.problems) all.append("\n  ").append(format_problem(problem));
    return failure(Error::Code::invalid, all);
}

Result<void> write_contexts(const Environment& environment, const Contexts& contexts) {
    const std::filesystem::path file = context_file(environment);
    if (file.empty())
        return failure(Error::Code::invalid, "there is no place for contexts: neither XDG_CONFIG_HOME nor HOME is set");
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) return cannot_write(file, error.message());
    std::filesystem::path fresh = file;
    fresh += ".new";
    std::filesystem::remove(fresh, error);  // of a command that was killed
    const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return cannot_write(fresh, std::strerror(errno));
    auto written = write_all(descriptor, to_yaml(contexts), fresh);
    if (::close(descriptor) != 0 && written) written = cannot_write(fresh, std::strerror(errno));
    if (!written) return written;
    std::filesystem::rename(fresh, file, error);
    if (error) return cannot_write(file, error.message());
    return {};
}

}  // namespace drover::cli
