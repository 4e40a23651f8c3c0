// Older, newer and unfinished schemas, on both databases.
#include "gateway/view/schema.h"

#include <thread>

#include "tests/gateway/view/test_databases.h"

namespace drover::gateway::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class SchemaTest : public ViewTest {
protected:
    const LifecycleEvent submitted{.queue = "default.email", .job_id = "j", .at = at(7)};
};
ON_BOTH_DATABASES(SchemaTest);

// As a program that knew only the first `version` steps left it.
void make_older(TestDatabase& database, std::size_t version) {
    std::string sql = "CREATE TABLE schema_version (version NUMBER NOT NULL);";
    for (std::size_t i = 0; i < version; ++i) sql += schema_steps()[i];
    sql += "INSERT INTO schema_version VALUES (" + std::to_string(version) + ");";
    database.execute(sql);
}

TEST_P(SchemaTest, C16_of_every_older_version_is_brought_up_to_date_with_its_rows) {
    for (std::size_t version = 1; version < schema_steps().size(); ++version) {
        const std::unique_ptr<TestDatabase> older = GetParam() == Kind::sqlite
                                                        ? std::unique_ptr<TestDatabase>(std::make_unique<SqliteFile>())
                                                        : std::make_unique<PostgresDatabaseOfTest>();
        if (GetParam() == Kind::postgres) older->execute("CREATE SCHEMA drover");
        make_older(*older, version);
        older->execute("INSERT INTO jobs (queue, id, state, since, submitted, job, trail) VALUES (" +
                       std::string(GetParam() == Kind::sqlite ? "x'71', x'6a', 1, 5, 5, CAST('{}' AS BLOB), "
                                                                "CAST('{\"transitions\":[]}' AS BLOB)"
                                                              : "'q', 'j', 1, 5, 5, '{}', '{\"transitions\":[]}'") +
                       "); INSERT INTO positions VALUES (0, 17)");
        const auto view = older->open();
        EXPECT_EQ(must(view->positions()), (EventPositions{{0, 17}}));
        EXPECT_THAT(must(view->jobs("j")), SizeIs(1));
        EXPECT_EQ(must(view->oldest("q"))[JobState::waiting], time_from_millis(5));
        older->execute("INSERT INTO schema_version SELECT 1000 WHERE (SELECT max(version) FROM schema_version) = " +
                       std::to_string(schema_steps().size()));
        EXPECT_FALSE(older->open()->positions());
    }
}

TEST_P(SchemaTest, C16_of_a_newer_program_it_is_left_alone) {
    tell({submitted});
    database_->execute("UPDATE schema_version SET version = 1000");
    const auto view = database_->open();
    const auto positions = view->positions();
    ASSERT_FALSE(positions);
    EXPECT_EQ(positions.error().code, Error::Code::conflict);
    EXPECT_THAT(positions.error().message, HasSubstr("1000"));
    EXPECT_FALSE(view->apply({}));
    EXPECT_FALSE(view->clear());
    database_->execute("UPDATE schema_version SET version = " + std::to_string(schema_steps().size()));
    EXPECT_THAT(must(view->jobs("j")), SizeIs(1));
}

TEST_P(SchemaTest, C16_connections_that_begin_at_once_make_it_once) {
    std::vector<std::unique_ptr<JobView>> views;
    for (int i = 0; i < 4; ++i) views.push_back(database_->open());
    {
        std::vector<std::jthread> threads;
        for (const auto& view : views) {
            threads.emplace_back([&view] { EXPECT_EQ(must(view->positions()), EventPositions()); });
        }
    }
    EXPECT_THAT(tell({submitted}), SizeIs(1));
    for (const auto& view : views) EXPECT_THAT(must(view->jobs("j")), SizeIs(1));
}

}  // namespace
}  // namespace drover::gateway::test
