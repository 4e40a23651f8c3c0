#include "gateway/scheduler/payload_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace drover::gateway {
namespace {

class PayloadFiles : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "drover-payloads-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder); }

    std::filesystem::path folder;
};

TEST_F(PayloadFiles, C8_what_was_appended_is_read_and_leaves_nothing_in_the_folder) {
    PayloadFile file(folder);
    const auto first = file.append("first"), none = file.append(""), last = file.append(std::string(100'000, 'x'));
    EXPECT_EQ(file.read(first).value(), "first");
    EXPECT_EQ(file.read(none).value(), "");
    EXPECT_EQ(file.read(last).value(), std::string(100'000, 'x'));
    EXPECT_TRUE(std::filesystem::is_empty(folder));
    EXPECT_EQ(file.trouble(), "");
}

TEST_F(PayloadFiles, C8_a_file_of_jobs_that_are_gone_is_tidied) {
    PayloadFile file(folder);
    const std::string payload(1 << 20, 'x');
    std::vector<PayloadFile::Place> kept;
    for (int i = 0; i < 200; ++i) {
        const auto place = file.append(std::to_string(i) + payload);
        if (i % 10 == 0) {
            kept.push_back(place);
        } else {
            file.forget(place);
        }
    }
    ASSERT_TRUE(file.wants_tidying());
    file.begin_tidying();
    const auto later = file.append("later");
    for (auto& place : kept) place = file.tidy(place);
    EXPECT_EQ(file.tidy(later), later);
    file.end_tidying();
    EXPECT_FALSE(file.wants_tidying());
    EXPECT_LT(file.bytes(), 21U << 20);
    for (std::size_t i = 0; i < kept.size(); ++i) {
        EXPECT_EQ(file.read(kept[i]).value(), std::to_string(i * 10) + payload);
    }
    EXPECT_EQ(file.read(later).value(), "later");
}

TEST_F(PayloadFiles, C8_where_nothing_can_be_written_it_stays_in_memory_and_says_why) {
    PayloadFile file(folder / "missing");
    const auto first = file.append("first"), second = file.append("second");
    EXPECT_EQ(file.read(first).value(), "first");
    EXPECT_EQ(file.read(second).value(), "second");
    EXPECT_NE(file.trouble().find("missing: No such file"), std::string::npos) << file.trouble();
    file.forget(first);
    EXPECT_FALSE(file.read(first));
    EXPECT_EQ(file.read(second).value(), "second");
}

}  // namespace
}  // namespace drover::gateway
