// Questions of a loop that does not wait.
#include "gateway/view/view_readers.h"

#include <semaphore>

#include "tests/gateway/view/test_databases.h"
#include "tests/kube/owner_thread.h"

namespace drover::gateway::test {
namespace {

using kube::test::OwnerThread;
using kube::test::Signalled;
using testing::SizeIs;

class ViewReadersTest : public testing::Test {
protected:
    SqliteFile file_;
    OwnerThread owner_;
};

TEST_F(ViewReadersTest, C2_answers_come_on_the_owner_s_thread) {
    const auto view = file_.open();
    Teller(*view).tell({LifecycleEvent{.queue = "default.email", .job_id = "j", .at = at(1)}});
    const auto readers = must(ViewReaders::create({.where = file_.where()}, {}, owner_.executor()));
    Signalled<int> answers;
    for (int i = 0; i < 100; ++i) {
        readers->ask([](JobView& asked) { return asked.jobs("j"); },
                     [&](const Result<std::vector<JobDetail>>& jobs) {
                         EXPECT_TRUE(owner_.is_here());
                         EXPECT_THAT(must(jobs), SizeIs(1));
                         answers.change([](int& count) { ++count; });
                     });
    }
    EXPECT_TRUE(answers.await([](int count) { return count == 100; }));
}

TEST_F(ViewReadersTest, C2_more_questions_than_may_wait_are_answered_at_once) {
    const auto readers =
        must(ViewReaders::create({.where = file_.where()}, {.threads = 1, .most_waiting = 2}, owner_.executor()));
    std::binary_semaphore has_begun(0), may_end(0);
    readers->ask(
        [&](JobView&) {
            has_begun.release();
            may_end.acquire();
            return Result<int>(1);
        },
        [](const Result<int>&) {});
    has_begun.acquire();
    Signalled<std::vector<Result<int>>> answers;
    for (int i = 0; i < 3; ++i) {
        readers->ask([](JobView&) { return Result<int>(2); },
                     [&](const Result<int>& answer) {
                         answers.change([&](std::vector<Result<int>>& all) { all.push_back(answer); });
                     });
    }
    ASSERT_TRUE(answers.await([](const std::vector<Result<int>>& all) { return all.size() == 1; }));
    EXPECT_EQ(answers.get().front().error().code, Error::Code::unavailable);
    may_end.release();
    ASSERT_TRUE(answers.await([](const std::vector<Result<int>>& all) { return all.size() == 3; }));
    EXPECT_EQ(answers.get().back(), 2);
}

TEST_F(ViewReadersTest, C2_nobody_is_called_after_the_end) {
    auto readers = must(ViewReaders::create({.where = file_.where()}, {.threads = 1}, owner_.executor()));
    std::binary_semaphore has_begun(0), may_end(0);
    int answered = 0;
    readers->ask(
        [&](JobView&) {
            has_begun.release();
            may_end.acquire();
            return Result<int>(1);
        },
        [&](const Result<int>&) { ++answered; });
    readers->ask([](JobView&) { return Result<int>(2); }, [&](const Result<int>&) { ++answered; });
    has_begun.acquire();
    owner_.run([&] {  // nothing that is posted meanwhile runs before this ends
        may_end.release();
        readers.reset();
    });
    owner_.run([] {});
    EXPECT_EQ(answered, 0);
}

TEST_F(ViewReadersTest, C16_settings_that_name_no_database_are_refused) {
    EXPECT_FALSE(ViewReaders::create({.where = "sqlite:"}, {}, owner_.executor()));
}

}  // namespace
}  // namespace drover::gateway::test
