#include "gateway/core/job_filter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/gateway/core/told_events.h"

namespace drover::gateway::test {
namespace {

Job job() {
    return {.key = {"default.email", "Order-17"},
            .type = "send-email",
            .error = JobError{"Http503", 503, "the Server is busy"},
            .labels = R"({"user":"ada","n":7,"a=b":"c"})"};
}

TEST(JobFilter, C5_type_and_error_class_are_whole) {
    EXPECT_TRUE(matches({.type = "send-email"}, job()));
    EXPECT_FALSE(matches({.type = "send"}, job()));
    EXPECT_TRUE(matches({.error_class = "Http503"}, job()));
    EXPECT_FALSE(matches({.error_class = "Http"}, job()));
    EXPECT_FALSE(matches({.error_class = "Http503"}, {}));
}

TEST(JobFilter, C5_labels_by_name_and_value) {
    EXPECT_TRUE(matches({.label = "user=ada"}, job()));
    EXPECT_TRUE(matches({.label = "user"}, job()));
    EXPECT_TRUE(matches({.label = "n=7"}, job()));
    EXPECT_TRUE(matches({.label = "a=b"}, job()));
    EXPECT_FALSE(matches({.label = "a=b=c"}, job()));  // the first sign divides
    EXPECT_FALSE(matches({.label = "user=bob"}, job()));
    EXPECT_FALSE(matches({.label = "users"}, job()));
    EXPECT_FALSE(matches({.label = "user"}, {.labels = "user=ada"}));
}

TEST(JobFilter, C5_text_in_id_type_error_and_labels_in_either_case) {
    for (const char* text : {"order", "EMAIL", "http5", "server IS", "ada"}) {
        EXPECT_TRUE(matches({.text = text}, job())) << text;
    }
    EXPECT_FALSE(matches({.text = "carol"}, job()));
    EXPECT_FALSE(matches({.type = "other", .text = "ada"}, job()));
}

RC_GTEST_PROP(JobFilter, C5_a_cursor_reads_as_it_was_written_and_nothing_else_does, (const std::string& words)) {
    const std::string text = jobqueue::clean_text(words, 100);
    const JobCursor cursor{at(*rc::gen::inRange(0, 1'000'000)), "id" + text, "queue" + text};
    RC_ASSERT(read_cursor(write_cursor(cursor)) == cursor);
    RC_ASSERT(!read_cursor(words));
    RC_ASSERT(!read_cursor(write_cursor(cursor) + "A"));
}

}  // namespace
}  // namespace drover::gateway::test
