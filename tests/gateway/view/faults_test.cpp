// Databases that are locked, full, damaged, exchanged or away: an Error, and then the view heals by itself.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include <libpq-fe.h>
#include <sqlite3.h>

#include "tests/gateway/view/test_databases.h"

namespace drover::gateway::test {
namespace {

using testing::AllOf;
using testing::Field;
using testing::IsEmpty;
using testing::SizeIs;

ToldEvent submitted(std::string_view id) { return LifecycleEvent{.queue = "default.email", .job_id = id, .at = at(1)}; }

// Feeds anew where the view knows nothing, as the feeder does, until it works.
void tell_until_it_works(JobView& view, const std::vector<ToldEvent>& events) {
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    for (;;) {
        Teller teller(view);
        const auto told = teller.try_tell(events);
        if (told) return;
        EXPECT_EQ(told.error().code, Error::Code::unavailable) << told.error().message;
        EXPECT_TRUE(told.error().retryable);
        ASSERT_LT(std::chrono::steady_clock::now(), deadline) << told.error().message;
    }
}

class SqliteFaults : public testing::Test {
protected:
    SqliteFile file_;
    std::unique_ptr<JobView> view_ = file_.open(20ms);
    Teller teller_{*view_};
};

TEST(SqliteFile, C16_many_may_begin_a_new_file_at_once) {
    for (int round = 0; round < 100; ++round) {
        const SqliteFile file;
        std::latch all_at_once(8);
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] {
                const auto view = file.open();
                all_at_once.arrive_and_wait();
                const auto counts = view->counts();
                EXPECT_TRUE(counts) << counts.error().message;
            });
        }
    }
}

TEST_F(SqliteFaults, C16_a_locked_database_is_an_error_until_it_is_free) {
    teller_.tell({submitted("a")});
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(file_.path().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    const auto told = teller_.try_tell({submitted("b")});
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Error::Code::unavailable);
    EXPECT_TRUE(told.error().retryable);
    ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(other);
    teller_.tell({submitted("b")});
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2);
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_F(SqliteFaults, C16_a_full_disk_is_an_error_until_there_is_room) {
    teller_.tell({submitted("a")});
    // No file may grow: what a write to a full disk comes to, without one.
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit none{.rlim_cur = 1, .rlim_max = limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    const auto told = teller_.try_tell({submitted("b")});
    const auto again = teller_.try_tell({submitted("b")});
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    std::signal(SIGXFSZ, before);
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Error::Code::unavailable);
    EXPECT_FALSE(again);
    teller_.tell({submitted("b")});
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2);
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_F(SqliteFaults, C16_a_deleted_file_is_begun_anew) {
    teller_.tell({submitted("a")});
    const auto reader = file_.open();
    EXPECT_THAT(must(reader->jobs("a")), SizeIs(1));
    for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(file_.path() + part);
    EXPECT_THAT(must(view_->positions()), IsEmpty());
    // What would leave a gap is refused: the feeder reads from the beginning again.
    const auto told = teller_.try_tell({submitted("b")});
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, Error::Code::conflict);
    tell_until_it_works(*view_, {submitted("a"), submitted("b")});
    EXPECT_THAT(must(reader->jobs("b")), SizeIs(1));
}

TEST_F(SqliteFaults, C16_a_file_replaced_by_an_empty_one_is_begun_anew) {
    teller_.tell({submitted("a")});
    const std::string empty = file_.path() + ".empty";
    std::ofstream(empty).close();
    std::filesystem::rename(empty, file_.path());
    tell_until_it_works(*view_, {submitted("a"), submitted("b")});
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2);
}

TEST_F(SqliteFaults, C16_a_file_that_was_emptied_below_us_is_begun_anew) {
    teller_.tell({submitted("a")});
    for (const char* part : {"", "-wal"}) std::filesystem::resize_file(file_.path() + part, 0);
    tell_until_it_works(*view_, {submitted("a"), submitted("b")});
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2);
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_F(SqliteFaults, C16_a_damaged_file_is_set_aside_and_begun_anew) {
    std::vector<ToldEvent> events;
    for (int i = 0; i < 2000; ++i) events.push_back(submitted("job-" + std::to_string(i)));
    teller_.tell(events);
    view_.reset();  // its last connection writes everything into the file
    std::fstream(file_.path(), std::ios::in | std::ios::out | std::ios::binary) << std::string(64 * 1024, '\x5A');
    view_ = file_.open();
    tell_until_it_works(*view_, events);
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2000);
    EXPECT_TRUE(std::filesystem::exists(file_.path() + ".damaged"));
}

TEST_F(SqliteFaults, C16_what_is_no_database_at_all_is_set_aside) {
    std::ofstream(file_.path()) << std::string(10'000, 'x');
    tell_until_it_works(*view_, {submitted("a")});
    EXPECT_THAT(must(view_->jobs("a")), SizeIs(1));
    EXPECT_TRUE(std::filesystem::exists(file_.path() + ".damaged"));
}

TEST_F(SqliteFaults, C16_a_row_of_somebody_else_is_an_error_that_asks_to_build_anew) {
    teller_.tell({submitted("a")});
    file_.execute("UPDATE jobs SET job = x'00'");
    const auto found = view_->jobs("a");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Error::Code::internal);
    EXPECT_FALSE(teller_.try_tell({submitted("a")}));
    must(view_->clear());
    EXPECT_THAT(Teller(*view_).tell({submitted("a")}), SizeIs(1));
}

TEST_F(SqliteFaults, C16_a_folder_that_is_not_there_is_an_error_until_it_is) {
    const std::string path = file_.path() + ".d/view.db";
    const auto view = must(open_job_view({.where = "sqlite:" + path}));
    const auto positions = view->positions();
    ASSERT_FALSE(positions);
    EXPECT_EQ(positions.error().code, Error::Code::unavailable);
    std::filesystem::create_directory(file_.path() + ".d");
    EXPECT_THAT(must(view->positions()), IsEmpty());
}

class PostgresFaults : public testing::Test {
protected:
    PostgresDatabaseOfTest database_;
    std::unique_ptr<JobView> view_ = database_.open();
    Teller teller_{*view_};
};

TEST_F(PostgresFaults, C16_a_server_that_crashes_in_the_middle_is_an_error_until_it_is_back) {
    teller_.tell({submitted("a")});
    ASSERT_TRUE(must(view_->lead()));
    std::ifstream pid_file(std::getenv("DROVER_TEST_POSTGRES_PID_FILE"));
    pid_t server = 0;
    pid_file >> server;
    ASSERT_GT(server, 1);
    ASSERT_EQ(::kill(server, SIGQUIT), 0);  // a crash; it is started again
    int errors = 0;
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    for (bool is_back = false; !is_back;) {
        const auto positions = view_->positions();
        is_back = positions.has_value() && errors > 0;
        if (!positions) {
            ++errors;
            EXPECT_EQ(positions.error().code, Error::Code::unavailable) << positions.error().message;
        }
        ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    }
    // Its last transactions may be lost, together with their positions: then it is fed anew from there.
    const auto told = teller_.try_tell({submitted("b")});
    if (!told) {
        EXPECT_EQ(told.error().code, Error::Code::conflict) << told.error().message;
        tell_until_it_works(*view_, {submitted("a"), submitted("b")});
    }
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2);
    EXPECT_TRUE(must(view_->lead()));
}

TEST_F(PostgresFaults, C16_a_connection_that_the_server_ends_is_made_anew) {
    teller_.tell({submitted("a")});
    database_.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
        "pg_backend_pid()");
    EXPECT_FALSE(teller_.try_tell({submitted("b")}));
    EXPECT_THAT(teller_.tell({submitted("b")}), SizeIs(1));
    EXPECT_EQ(must(view_->counts()), must(view_->recount()));
}

TEST_F(PostgresFaults, C16_tables_that_are_gone_are_made_anew) {
    teller_.tell({submitted("a")});
    database_.execute("DROP SCHEMA drover CASCADE");
    tell_until_it_works(*view_, {submitted("a"), submitted("b")});
    EXPECT_EQ(must(view_->counts())["default.email"][JobState::waiting], 2);
}

TEST_F(PostgresFaults, C16_a_table_that_somebody_locks_is_an_error_until_it_is_free) {
    teller_.tell({submitted("a")});
    const auto impatient = database_.open(20ms);
    EXPECT_THAT(must(impatient->jobs("a")), SizeIs(1));
    PGconn* other = PQconnectdb(database_.where().c_str());
    PQclear(PQexec(other, "BEGIN; LOCK TABLE drover.jobs"));
    const auto found = impatient->jobs("a");
    PQfinish(other);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Error::Code::unavailable);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!impatient->jobs("a")) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST(PostgresAway, C16_a_server_that_is_not_there_is_an_error) {
    const auto view = must(open_job_view({.where = "host=/nonexistent user=nobody dbname=none"}));
    const auto positions = view->positions();
    ASSERT_FALSE(positions);
    EXPECT_EQ(positions.error().code, Error::Code::unavailable);
    EXPECT_TRUE(positions.error().retryable);
}

}  // namespace
}  // namespace drover::gateway::test
