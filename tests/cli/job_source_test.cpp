#include "cli/job_source.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using testing::ElementsAre;
namespace fs = std::filesystem;

std::vector<std::string> payloads_of(const JobSource& source) {
    std::vector<std::string> payloads;
    while (const auto job = source()) payloads.push_back(*job ? (*job)->payload : "! " + job->error().message);
    return payloads;
}

class FolderOfJobs : public testing::Test {
protected:
    FolderOfJobs() {
        std::string pattern = (fs::temp_directory_path() / "drover-jobs-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        fs::create_directories(folder_ / "b");
        write("a.txt", "A");
        write("b/c.txt", "C");
        write("b/d.md", "D");
    }
    ~FolderOfJobs() override { fs::remove_all(folder_); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }

    fs::path folder_;
};

TEST(JobSource, one_payload_is_one_job) {
    EXPECT_THAT(payloads_of(one_payload({}, "x")), ElementsAre("x"));
    EXPECT_THAT(payloads_of(one_payload({}, "")), ElementsAre(""));
}

TEST(JobSource, each_line_is_a_job_without_its_end) {
    const auto lines = std::make_shared<std::istringstream>("one\n\ntwo\r\n three ");
    EXPECT_THAT(payloads_of(lines_of({}, lines)), ElementsAre("one", "two", " three "));
}

TEST(JobSource, what_jobs_share_is_copied_to_each) {
    const auto lines = std::make_shared<std::istringstream>("1\n2\n");
    const JobSource source = lines_of({.type = "count", .key = "k"}, lines);
    for (int i = 0; i < 2; ++i) {
        const auto job = source();
        ASSERT_TRUE(job && *job);
        EXPECT_EQ((*job)->type, "count");
        EXPECT_EQ((*job)->key, "k");
    }
}

TEST(JobSource, a_payload_without_a_content_type_gets_what_it_looks_like) {
    EXPECT_EQ(content_type_of(R"({"a":1})"), "application/json");
    EXPECT_EQ(content_type_of("hello"), "text/plain; charset=utf-8");
    EXPECT_EQ(content_type_of("\xff\xfe"), "application/octet-stream");
    EXPECT_EQ((*one_payload({.content_type = "image/png"}, "{}")())->content_type, "image/png");
}

TEST(JobSource, a_payload_over_the_limit_is_refused_and_the_others_are_not) {
    const auto lines = std::make_shared<std::istringstream>("12345\n123456\n1\n");
    const auto payloads = payloads_of(limited(lines_of({}, lines), 5));
    ASSERT_EQ(payloads.size(), 3u);
    EXPECT_THAT(payloads[1], testing::HasSubstr("6 bytes is over the queue's limit"));
}

TEST_F(FolderOfJobs, are_found_by_name_in_all_folders_below_in_order) {
    const auto files = find_files(folder_, "*.txt");
    ASSERT_TRUE(files);
    EXPECT_THAT(*files, ElementsAre(folder_ / "a.txt", folder_ / "b/c.txt"));
    EXPECT_EQ(find_files(folder_, "?.*")->size(), 3u);
    EXPECT_TRUE(find_files(folder_, "*.none")->empty());
}

TEST_F(FolderOfJobs, linked_files_count_and_links_to_nowhere_do_not) {
    fs::create_symlink(folder_ / "a.txt", folder_ / "link.txt");
    fs::create_symlink(folder_ / "nothing", folder_ / "dangling.txt");
    fs::create_directory_symlink(folder_, folder_ / "b" / "loop");
    EXPECT_THAT(*find_files(folder_, "*.txt"),
                ElementsAre(folder_ / "a.txt", folder_ / "b/c.txt", folder_ / "link.txt"));
}

TEST_F(FolderOfJobs, a_folder_that_is_not_there_is_an_error) {
    EXPECT_FALSE(find_files(folder_ / "none", "*"));
    EXPECT_FALSE(find_files(folder_ / "a.txt", "*"));
}

TEST_F(FolderOfJobs, are_their_contents_or_their_paths) {
    const auto files = find_files(folder_, "*.txt");
    EXPECT_THAT(payloads_of(files_as_jobs({}, *files, FileAs::content)), ElementsAre("A", "C"));
    EXPECT_THAT(payloads_of(files_as_jobs({}, *files, FileAs::path)),
                ElementsAre((folder_ / "a.txt").string(), (folder_ / "b/c.txt").string()));
}

TEST_F(FolderOfJobs, a_file_that_has_gone_fails_alone) {
    const auto files = find_files(folder_, "*.txt");
    fs::remove(folder_ / "a.txt");
    EXPECT_THAT(payloads_of(files_as_jobs({}, *files, FileAs::content)),
                ElementsAre(testing::HasSubstr("a.txt: No such file"), "C"));
}

}  // namespace
}  // namespace drover::cli
