#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/status_table.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const QueueStatus emails{"emails", QueueState::active, 3, 4, 120, 24, 3, 1020, 12, 4, 412.34, 3100us, 41ms, ""};
const QueueStatus reports{.name = "reports", .state = QueueState::worker_unreachable};

TEST(PlainStatus, D1_a_line_says_everything_as_key_and_value) {
    EXPECT_THAT(plain_lines({"", 42s, {emails}}, {}),
                ElementsAre("t=42.0s queue=emails state=Active workers=3/4 waiting=120 active=24 retrying=3 "
                            "completed=1020 retries=12 dead=4 jobs_per_s=412.3 p50_ms=3.1 p99_ms=41.0"));
}

TEST(PlainStatus, D1_what_is_not_known_is_not_said) {
    EXPECT_THAT(plain_lines({"", 1s, {reports}}, {}),
                ElementsAre("t=1.0s queue=reports state=WorkerUnreachable workers=0/0 active=0 retrying=0 completed=0 "
                            "retries=0 dead=0 jobs_per_s=0.0"));
}

TEST(PlainStatus, D1_problems_are_quoted_on_one_line) {
    QueueStatus queue = reports;
    queue.problem = "exit \"1\"\nwhy=\\x \x1b[31m";
    const std::vector<std::string> lines = plain_lines({"", 1s, {queue}}, {});
    ASSERT_THAT(lines, SizeIs(1));
    EXPECT_THAT(lines[0], ::testing::EndsWith(R"( problem="exit \"1\" why=\\x [31m")"));
}

TEST(PlainStatus, D1_only_queues_that_changed_get_a_line) {
    const RunStatus before{"", 42s, {emails, reports}};
    RunStatus now = before;
    now.elapsed = 43s;
    now.queues[0].jobs_per_second = 1;
    now.queues[0].p50 = 1s;
    now.queues[0].p99.reset();
    EXPECT_THAT(plain_lines(now, before), IsEmpty());
    now.queues[1].completed = 1;
    EXPECT_THAT(plain_lines(now, before), ElementsAre(::testing::HasSubstr("queue=reports")));
}

}  // namespace
}  // namespace drover::cli
