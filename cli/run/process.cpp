#include "cli/run/process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/syscall.h>
extern "C" {  // glibc 2.36 forgets it
#include <sys/pidfd.h>
}
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

namespace drover::cli {
namespace {

constexpr std::size_t longest_line = 8192;

struct Pipe {
    int read = -1, write = -1;

    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) == 0) read = ends[0], write = ends[1];
    }
    ~Pipe() {
        close(read);
        close(write);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;

    bool is_open() const { return read >= 0; }
    int take_read() { return std::exchange(read, -1); }
    static void close(int& fd) {
        if (fd >= 0) ::close(std::exchange(fd, -1));
    }
};

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (!added.contains(std::string(text.substr(0, text.find('='))))) all.emplace_back(text);
    }
    for (const auto& [name, value] : added) all.emplace_back(name).append("=").append(value);
    return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

// Between fork and exec: only calls that are safe while other threads may hold locks. Returns on failure, with errno.
void become(char* const* command, char* const* environment, const char* folder, pid_t parent, int out, int err) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it ended before it could be watched
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing < 0 || ::dup2(nothing, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) return;
    // Libraries open sockets that would be inherited.
    if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return;
    if (*folder != '\0' && ::chdir(folder) != 0) return;
    ::execvpe(command[0], command, environment);
}

}  // namespace

std::string describe(const ProcessEnd& end) {
    if (end.signal == 0) return "ended with code " + std::to_string(end.code);
    const char* name = ::strsignal(end.signal);
    return "was killed by signal " + std::to_string(end.signal) + (name ? " (" + std::string(name) + ")" : "");
}

class Process::Running : public std::enable_shared_from_this<Process::Running> {
public:
    Running(boost::asio::io_context& io, pid_t pid, int pidfd, int out, int err, OnLine line, OnEnd ended)
        : pid_(pid), exit_(io, pidfd), line_(std::move(line)), ended_(std::move(ended)) {
        outputs_.push_back({Stream::out, boost::asio::posix::stream_descriptor(io, out), {}});
        outputs_.push_back({Stream::err, boost::asio::posix::stream_descriptor(io, err), {}});
    }
    ~Running() { reap(SIGKILL); }

    void watch() {
        for (Output& output : outputs_) {
            output.pipe.native_non_blocking(true);
            wait_for(output);
        }
        exit_.async_wait(Wait::wait_read, [self = shared_from_this()](boost::system::error_code) { self->exited(); });
    }

    void abandon() {
        abandoned_ = true;
        reap(SIGKILL);
        exit_.close();
        for (Output& output : outputs_) output.pipe.close();
    }

    void signal(int number) {
        if (!reaped_) ::kill(-pid_, number);
    }
    pid_t pid() const { return pid_; }

private:
    using Wait = boost::asio::posix::stream_descriptor;
    struct Output {
        Stream stream;
        boost::asio::posix::stream_descriptor pipe;
        std::string rest;  // of a line that has no end yet
    };

    void wait_for(Output& output) {
        output.pipe.async_wait(Wait::wait_read, [self = shared_from_this(), &output](boost::system::error_code error) {
            if (error || self->abandoned_ || self->reaped_) return;
            if (self->read(output) && !self->abandoned_) self->wait_for(output);
        });
    }

    // All there is. False at the end.
    bool read(Output& output) {
        std::array<char, 16384> buffer;
        while (!abandoned_) {
            const ssize_t count = ::read(output.pipe.native_handle(), buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0 && errno == EAGAIN) return true;
            if (count <= 0) break;
            split(output, {buffer.data(), static_cast<std::size_t>(count)});
        }
        return false;
    }

    void split(Output& output, std::string_view text) {
        while (!text.empty() && !abandoned_) {
            const std::size_t room = longest_line - output.rest.size();
            const std::size_t end = text.substr(0, room).find('\n');
            output.rest += text.substr(0, std::min(end, room));
            const bool whole = end != std::string_view::npos;
            text.remove_prefix(std::min(whole ? end + 1 : room, text.size()));
            if (whole || output.rest.size() == longest_line) line_(output.stream, std::exchange(output.rest, {}));
        }
    }

    void exited() {
        if (abandoned_) return;
        const ProcessEnd end = reap(SIGKILL);
        for (Output& output : outputs_) {
            read(output);
            if (!abandoned_ && !output.rest.empty()) line_(output.stream, std::exchange(output.rest, {}));
            if (abandoned_) return;
            output.pipe.close();
        }
        const OnEnd ended = std::move(ended_);
        ended(end);
    }

    // The group is signalled while its leader's number cannot yet be given to another process.
    ProcessEnd reap(int number) {
        if (reaped_) return {};
        reaped_ = true;
        ::kill(-pid_, number);
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
        if (WIFSIGNALED(status)) return {.signal = WTERMSIG(status)};
        return {.code = WEXITSTATUS(status)};
    }

    pid_t pid_;
    boost::asio::posix::stream_descriptor exit_;
    std::vector<Output> outputs_;
    OnLine line_;
    OnEnd ended_;
    bool reaped_ = false;
    bool abandoned_ = false;
};

Result<std::unique_ptr<Process>> Process::start(boost::asio::io_context& io, const ProcessSpec& spec, OnLine line,
                                                OnEnd ended) {
    Pipe out, err, failed;
    if (!out.is_open() || !err.is_open() || !failed.is_open()) {
        return failure(Error::Code::unavailable, std::string("no pipe: ") + std::strerror(errno), true);
    }
    std::vector<std::string> words = spec.command, variables = environment_with(spec.environment);
    const std::vector<char*> command = pointers_to(words), environment = pointers_to(variables);
    const std::string folder = spec.folder.string();
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return failure(Error::Code::unavailable, std::string("no process: ") + std::strerror(errno), true);
    if (pid == 0) {
        become(command.data(), environment.data(), folder.c_str(), parent, out.write, err.write);
        const int cause = errno;
        [[maybe_unused]] const ssize_t told = ::write(failed.write, &cause, sizeof cause);
        ::_exit(127);
    }
    ::setpgid(pid, pid);  // here as well: whoever comes first
    Pipe::close(out.write);
    Pipe::close(err.write);
    Pipe::close(failed.write);
    int cause = 0;
    ssize_t count = 0;
    while ((count = ::read(failed.read, &cause, sizeof cause)) < 0 && errno == EINTR) {}
    // Not glibc's function: its header in Debian 12 cannot be used from C++.
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    if (count > 0 || pidfd < 0) {
        if (count <= 0) cause = errno;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return failure(Error::Code::invalid, "cannot start " + spec.command.front() + " in " +
                                                 (folder.empty() ? "this folder" : folder) + ": " +
                                                 std::strerror(cause));
    }
    auto running =
        std::make_shared<Running>(io, pid, pidfd, out.take_read(), err.take_read(), std::move(line), std::move(ended));
    running->watch();
    return std::unique_ptr<Process>(new Process(std::move(running)));
}

Process::~Process() { running_->abandon(); }

int Process::pid() const { return running_->pid(); }

void Process::signal(int number) { running_->signal(number); }

}  // namespace drover::cli
