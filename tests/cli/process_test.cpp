#include "cli/run/process.h"

#include <csignal>
#include <cstdlib>
#include <optional>

#include <unistd.h>
extern "C" {  // glibc 2.36 forgets it
#include <sys/pidfd.h>
}

#include <boost/asio/posix/stream_descriptor.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/run/kept_program.h"

namespace drover::cli {
namespace {

using testing::ElementsAre;
namespace fs = std::filesystem;

struct Ran {
    std::vector<std::string> out, err;
    std::optional<ProcessEnd> end;
};

Ran run(const ProcessSpec& spec, int signal_at_first_line = 0) {
    boost::asio::io_context io;
    Ran ran;
    std::unique_ptr<Process> process;
    auto started = Process::start(
        io, spec,
        [&](Stream stream, const std::string& line) {
            (stream == Stream::out ? ran.out : ran.err).push_back(line);
            if (signal_at_first_line != 0) process->signal(signal_at_first_line);
        },
        [&](const ProcessEnd& end) { ran.end = end; });
    EXPECT_TRUE(started) << started.error().message;
    process = std::move(*started);
    io.run();
    return ran;
}

ProcessSpec shell(const std::string& script) { return {.command = {"/bin/sh", "-c", script}}; }

TEST(Process, tells_each_line_and_its_end) {
    const Ran ran = run(shell("echo one; echo two >&2; printf three; exit 7"));
    EXPECT_THAT(ran.out, ElementsAre("one", "three"));
    EXPECT_THAT(ran.err, ElementsAre("two"));
    ASSERT_TRUE(ran.end);
    EXPECT_EQ(ran.end->code, 7);
    EXPECT_EQ(describe(*ran.end), "ended with code 7");
}

TEST(Process, a_line_without_end_is_cut_and_nothing_is_lost) {
    const Ran ran = run(shell("head -c 20000 /dev/zero | tr '\\0' x"));
    ASSERT_EQ(ran.out.size(), 3u);
    EXPECT_EQ(ran.out[0].size() + ran.out[1].size() + ran.out[2].size(), 20000u);
}

TEST(Process, knows_its_folder_and_its_environment) {
    ProcessSpec spec = shell("pwd; echo $GREETING; cat");
    spec.folder = "/usr";
    spec.environment = {{"GREETING", "hello"}};
    EXPECT_THAT(run(spec).out, ElementsAre("/usr", "hello"));
}

TEST(Process, says_which_signal_ended_it) {
    const Ran ran = run(shell("echo ready; exec sleep 1000"), SIGTERM);
    ASSERT_TRUE(ran.end);
    EXPECT_EQ(ran.end->signal, SIGTERM);
    EXPECT_EQ(describe(*ran.end), "was killed by signal 15 (Terminated)");
}

TEST(Process, takes_what_it_has_started_with_it) {
    boost::asio::io_context io;
    std::optional<boost::asio::posix::stream_descriptor> orphan;
    bool gone = false;
    const auto process = Process::start(
        io, shell("sleep 1000 & echo $!; wait"),
        [&](Stream, const std::string& line) {
            orphan.emplace(io, ::pidfd_open(std::stoi(line), 0));
            orphan->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [&](boost::system::error_code error) { gone = !error; });
            ::kill(::getpgid(std::stoi(line)), SIGTERM);  // its leader alone
        },
        [](const ProcessEnd&) {});
    ASSERT_TRUE(process);
    io.run();  // until both have ended
    EXPECT_TRUE(gone);
}

TEST(Process, that_cannot_start_says_why) {
    boost::asio::io_context io;
    const auto start = [&](const ProcessSpec& spec) {
        return Process::start(
            io, spec, [](Stream, const std::string&) {}, [](const ProcessEnd&) { FAIL(); });
    };
    const auto missing = start({.command = {"/no/such/program"}});
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message, testing::HasSubstr("/no/such/program"));
    EXPECT_FALSE(start({.command = {"/bin/true"}, .folder = "/no/such/folder"}));
    io.run();
}

class KeptProgramTest : public testing::Test {
protected:
    KeptProgramTest() {
        std::string pattern = (fs::temp_directory_path() / "drover-kept-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~KeptProgramTest() override { fs::remove_all(folder_); }

    fs::path folder_;
    boost::asio::io_context io_;
};

TEST_F(KeptProgramTest, is_started_again_whenever_it_ends_until_it_is_stopped) {
    std::vector<std::string> lines;
    std::vector<int> crashes;
    std::vector<std::string> troubles;
    std::shared_ptr<KeptProgram> program;
    bool stopped = false;
    KeptProgram::Listener listener;
    listener.crashed = [&](int start) { crashes.push_back(start); };
    listener.trouble = [&](const std::string& why) { troubles.push_back(why); };
    listener.line = [&](Stream, const std::string& line) {
        lines.push_back(line);
        if (program->starts() == 3) program->stop(std::chrono::seconds(60), [&] { stopped = true; });
    };
    program =
        std::make_shared<KeptProgram>(io_, "it", shell("echo alive; exit 1"), folder_ / "log", std::move(listener));
    program->start();
    io_.run();
    EXPECT_TRUE(stopped);
    EXPECT_FALSE(program->is_running());
    EXPECT_THAT(crashes, ElementsAre(1, 2));
    EXPECT_THAT(troubles, ElementsAre("it ended with code 1: alive")) << "the same trouble once";
    EXPECT_EQ(program->problem(), "it ended with code 1: alive");
}

TEST_F(KeptProgramTest, that_ignores_its_signal_is_killed_after_the_grace) {
    std::shared_ptr<KeptProgram> program;
    bool stopped = false;
    KeptProgram::Listener listener;
    listener.line = [&](Stream, const std::string&) {
        program->stop(std::chrono::milliseconds(1), [&] { stopped = true; });
    };
    program = std::make_shared<KeptProgram>(io_, "it", shell("trap '' TERM; echo deaf; while :; do sleep 1; done"),
                                            folder_ / "log", std::move(listener));
    program->start();
    io_.run();
    EXPECT_TRUE(stopped);
}

TEST_F(KeptProgramTest, that_cannot_be_started_says_so_and_can_be_stopped) {
    std::shared_ptr<KeptProgram> program;
    KeptProgram::Listener listener;
    bool stopped = false;
    listener.crashed = [&](int start) {
        if (start == 2) program->stop(std::chrono::seconds(1), [&] { stopped = true; });
    };
    program = std::make_shared<KeptProgram>(io_, "it", ProcessSpec{.command = {"/no/such/program"}}, folder_ / "log",
                                            std::move(listener));
    program->start();
    io_.run();
    EXPECT_TRUE(stopped);
    EXPECT_THAT(program->problem(), testing::StartsWith("it cannot be started: "));
}

}  // namespace
}  // namespace drover::cli
