#include "cli/run/output_log.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

namespace drover::cli {
namespace {

namespace fs = std::filesystem;

class OutputLogTest : public testing::Test {
protected:
    OutputLogTest() {
        std::string pattern = (fs::temp_directory_path() / "drover-log-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
    }
    ~OutputLogTest() override { fs::remove_all(folder_); }
    static std::string text_of(const fs::path& file) {
        std::ifstream in(file);
        return {std::istreambuf_iterator<char>(in), {}};
    }

    fs::path folder_;
};

TEST_F(OutputLogTest, keeps_what_earlier_runs_wrote) {
    OutputLog(folder_ / "a.log").write(Stream::out, "one");
    OutputLog(folder_ / "a.log").write(Stream::err, "two");
    EXPECT_EQ(text_of(folder_ / "a.log"), "one\ntwo\n");
}

TEST_F(OutputLogTest, is_never_more_than_two_files_of_its_limit) {
    OutputLog log(folder_ / "a.log", 100);
    for (int i = 0; i < 1000; ++i) log.write(Stream::out, "nine char");
    EXPECT_LE(fs::file_size(folder_ / "a.log"), 100u);
    EXPECT_EQ(fs::file_size(folder_ / "a.log.1"), 100u);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);
    EXPECT_EQ(log.problem(), "");
}

TEST_F(OutputLogTest, last_words_are_those_on_stderr_where_there_are_any) {
    OutputLog log(folder_ / "a.log");
    log.write(Stream::out, "hello");
    log.write(Stream::out, "  ");
    EXPECT_EQ(log.last_words(), "hello");
    log.write(Stream::err, "help");
    log.write(Stream::out, "more");
    EXPECT_EQ(log.last_words(), "help");
    log.forget_last_words();
    EXPECT_EQ(log.last_words(), "");
}

TEST_F(OutputLogTest, says_that_it_cannot_be_written) {
    OutputLog log(folder_ / "none" / "a.log");
    log.write(Stream::out, "lost");
    EXPECT_NE(log.problem().find("a.log: No such file"), std::string::npos) << log.problem();
}

}  // namespace
}  // namespace drover::cli
