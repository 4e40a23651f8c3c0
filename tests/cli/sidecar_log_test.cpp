#include "cli/run/sidecar_log.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::cli {
namespace {

TEST(SidecarLog, a_json_line_reads_as_its_message_and_error) {
    EXPECT_EQ(readable_log_line(R"({"level":"error","message":"cannot start","error":"port 1 is taken"})"),
              "cannot start: port 1 is taken");
    EXPECT_EQ(readable_log_line(R"({"message":"drained"})"), "drained");
}

TEST(SidecarLog, any_other_line_reads_as_it_is) {
    for (const char* line : {"", "plain", "{", "{}", R"({"message":5})", "[1]"})
        EXPECT_EQ(readable_log_line(line), line);
}

TEST(SidecarLog, a_dead_letter_tells_its_class_and_cause) {
    const auto letter =
        dead_letter_line(R"({"message":"job dead-lettered","job":"1","error":"Http422","cause":"no @"})");
    ASSERT_TRUE(letter);
    EXPECT_EQ(letter->error_class, "Http422");
    EXPECT_EQ(letter->cause, "no @");
    EXPECT_FALSE(dead_letter_line(R"({"message":"said \"job dead-lettered\""})"));
    EXPECT_FALSE(dead_letter_line(R"("job dead-lettered")"));
}

RC_GTEST_PROP(SidecarLog, takes_any_bytes, (const std::string& bytes)) {
    readable_log_line(bytes);
    readable_log_line("{" + bytes);
    RC_ASSERT(!dead_letter_line(bytes));
}

}  // namespace
}  // namespace drover::cli
